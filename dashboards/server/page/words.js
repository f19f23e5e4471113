// The words of the walls, in Indonesian and English. What a dashboard says comes with its definition.

export const WORDS = {
  id: {
    screen: "Layar {n}",
    age: "Data {age} lalu", ago: "{age} lalu",
    none: "Tidak ada data",
    none_since: "Tidak ada data sejak {at}",
    not_in_inventory: "Tidak ada di inventaris",
    none_in_range: "Tidak ada dalam rentang ini",
    no_store_since: "Tidak ada jawaban dari penyimpan data sejak {at}",
    no_server_since: "Tidak ada jawaban dari server dinding sejak {at}",
    old_values: "nilai terakhir, tidak baru",
    loading: "Memuat …",
    silent: "Diam",
    silent_count: "{n} diam",
    silent_since: "diam sejak {at}",
    never: "tidak terdengar",
    stale_panels: "Usang",
    more: "+{n} lagi",
    of: "dari {n}",
    all_heard: "Semua terdengar",
    no_grafana: "Grafana tidak menjawab; digambar oleh papan sendiri",
    good: "Baik", watch: "Waspada", bad: "Buruk", critical: "Kritis", stale: "Usang",
    age_heading: "Usia", time_heading: "Waktu", name_heading: "Nama",
    seconds: "{n} dtk", minutes: "{n} mnt", hours: "{n} jam", days: "{n} hari",
    vehicles: "Kendaraan", incidents: "Kejadian", no_position: "Tidak ada posisi",
    no_incident: "Tidak ada kejadian terbuka",
    incident_title: "Kejadian",
    drill: "LATIHAN", incident: "KEJADIAN", presses: "{n} tekanan",
    opened: "Dibuka", received: "Diterima meja piket", accepted: "Diterima petugas", departed: "Berangkat",
    resolved: "Tertangani", ended: "Selesai", not_yet: "belum",
    nearest_vehicles: "Kendaraan terdekat", nearest_sensors: "Sensor terdekat", cameras: "Kamera",
    nobody: "tidak ada yang terdengar dalam 5 menit", no_place: "Tempat tidak diketahui",
    others: "{n} kejadian lain tanpa layar", without_value: "tanpa nilai baru",
    wall: "Dinding", health: "Kesehatan layar", fault: "Gangguan", fine: "Baik", frame: "Grafana", board: "papan sendiri",
    fallback: "papan sendiri, karena Grafana tidak menjawab", keys: "1–24: buka layar", taken: "kejadian",
    not_planned: "tidak ada di wall.toml", broker_down: "Jalur {lane} terputus: kejadian tidak terdengar lewat sini",
    "state.open": "Terbuka", "state.accepted": "Diterima", "state.on_the_way": "Dalam perjalanan",
    "state.resolved": "Tertangani", "state.closed": "Ditutup", "state.cancelled": "Dibatalkan",
    "state.press": "Tekan", "state.call": "Panggilan", "state.threshold": "Ambang sensor", "state.fault": "Gangguan",
    "state.citizen": "Warga di loket", "state.other": "Sistem lain",
    "state.ntp": "NTP", "state.gnss": "satelit", "state.centre": "dari pusat", "state.none": "tidak ada",
    "state.true": "ya", "state.false": "tidak", "lane.alarm": "alarm", "lane.telemetry": "telemetri",
    "screen.good": "Baik", "screen.stale": "Data usang", "screen.blank": "Kosong", "screen.frozen": "Beku",
    "screen.logged_out": "Keluar dari log-in", "screen.error": "Galat", "screen.gone": "Tidak terdengar",
    "reason.never_heard": "belum pernah terdengar", "reason.silent": "tidak ada kabar",
    "reason.closed": "halaman ditutup", "reason.page_hangs": "halaman macet",
    "reason.not_painted": "tidak menggambar", "reason.frame_still": "bingkai Grafana berhenti",
    "reason.frame_asks_nothing": "Grafana tidak bertanya lagi",
    "reason.board_asks_nothing": "papan tidak bertanya lagi", "reason.log_in_form": "formulir log-in",
    "reason.hidden": "tertutup jendela lain", "reason.frame_empty": "bingkai kosong",
    "reason.no_panels": "tanpa panel", "reason.never_loaded": "tidak selesai dimuat",
    "reason.dashboard_missing": "dasbor tidak ada", "reason.panel_errors": "panel galat",
    "reason.crowded": "terlalu banyak halaman mengaku layar ini", "reason.no_answer": "pertanyaan tidak dijawab", "reason.no_data": "semua panel tanpa data",
    "reason.data_old": "data lama", "reason.store_silent": "penyimpan data diam",
  },
  en: {
    screen: "Screen {n}",
    age: "Data {age} old", ago: "{age} ago",
    none: "No data",
    none_since: "No data since {at}",
    not_in_inventory: "None in the inventory",
    none_in_range: "None in this range",
    no_store_since: "No answer from the store since {at}",
    no_server_since: "No answer from the wall server since {at}",
    old_values: "last values, not new ones",
    loading: "Loading …",
    silent: "Silent",
    silent_count: "{n} silent",
    silent_since: "silent since {at}",
    never: "not heard",
    stale_panels: "Stale",
    more: "+{n} more",
    of: "of {n}",
    all_heard: "All are heard",
    no_grafana: "Grafana does not answer; drawn by our own board",
    good: "Good", watch: "Watch", bad: "Bad", critical: "Critical", stale: "Stale",
    age_heading: "Age", time_heading: "Time", name_heading: "Name",
    seconds: "{n} s", minutes: "{n} min", hours: "{n} h", days: "{n} d",
    vehicles: "Vehicles", incidents: "Incidents", no_position: "No position",
    no_incident: "No open incident",
    incident_title: "Incident",
    drill: "DRILL", incident: "INCIDENT", presses: "{n} presses",
    opened: "Opened", received: "At the desk", accepted: "Accepted", departed: "On the way",
    resolved: "Resolved", ended: "Ended", not_yet: "not yet",
    nearest_vehicles: "Nearest vehicles", nearest_sensors: "Nearest sensors", cameras: "Cameras",
    nobody: "none heard within 5 minutes", no_place: "Place unknown",
    others: "{n} further incidents without a screen", without_value: "no fresh value",
    wall: "Wall", health: "Health of the screens", fault: "At fault", fine: "Good", frame: "Grafana", board: "own board",
    fallback: "own board, as Grafana does not answer", keys: "1–24: open a screen", taken: "incident",
    not_planned: "not in wall.toml", broker_down: "Lane {lane} is cut: incidents are not heard by it",
    "state.open": "Open", "state.accepted": "Accepted", "state.on_the_way": "On the way",
    "state.resolved": "Resolved", "state.closed": "Closed", "state.cancelled": "Cancelled",
    "state.press": "Press", "state.call": "Call", "state.threshold": "Sensor threshold", "state.fault": "Fault",
    "state.citizen": "Citizen", "state.other": "Other system",
    "state.ntp": "NTP", "state.gnss": "satellites", "state.centre": "from the centre", "state.none": "none",
    "state.true": "yes", "state.false": "no", "lane.alarm": "alarm", "lane.telemetry": "telemetry",
    "screen.good": "Good", "screen.stale": "Stale data", "screen.blank": "Blank", "screen.frozen": "Frozen",
    "screen.logged_out": "Logged out", "screen.error": "Error", "screen.gone": "Not heard",
    "reason.never_heard": "never heard", "reason.silent": "nothing heard", "reason.closed": "page closed",
    "reason.page_hangs": "page hangs", "reason.not_painted": "does not paint",
    "reason.frame_still": "Grafana's frame stands still",
    "reason.frame_asks_nothing": "Grafana asks nothing any more",
    "reason.board_asks_nothing": "board asks nothing any more", "reason.log_in_form": "log-in form",
    "reason.hidden": "behind another window", "reason.frame_empty": "empty frame",
    "reason.no_panels": "no panels", "reason.never_loaded": "never loaded",
    "reason.dashboard_missing": "dashboard is missing", "reason.panel_errors": "panels with errors",
    "reason.crowded": "too many pages claim to be this screen", "reason.no_answer": "questions not answered", "reason.no_data": "no panel has data",
    "reason.data_old": "old data", "reason.store_silent": "store is silent",
  },
};

let language = "id";

export function speak(chosen) {
  language = chosen;
  document.documentElement.lang = chosen;
}

export function spoken() {
  return language;
}

// A word of the store, such as a state, as people say it; any other as it is.
export function known(word) {
  return WORDS[language][`state.${word}`] ?? word;
}

export function say(key, values = {}, as = language) {
  const text = WORDS[as][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}
