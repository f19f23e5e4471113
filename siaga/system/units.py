"""The units of Siaga: one table for the box, the centre, the walls and the duty room.

Rules:
- Each runs as a user of its own, sees nothing of the machine but what it needs, and may write its own state alone.
- Each is restarted for ever, also when its configuration cannot be used: a card that could not be read for a moment
  must not leave a post without a button. What is wrong is in the log and in `systemctl status`.
- A secret is a file of /etc/siaga/credentials that is the unit's user's alone; what was changed there is read anew
  without a restart. A channel of the desk that takes systemd's credentials gets them by a drop-in.
"""

from __future__ import annotations

from typing import Final

from siaga.system.hardening import GPIO, SERIAL, Opened
from siaga.system.unit import CURRENT, Service, Timer

_NO_LIMIT: Final = "StartLimitIntervalSec=0"
_AT_ONCE: Final = ("After=network.target", _NO_LIMIT)
_AFTER: Final = ("Wants=network-online.target", "After=network-online.target", _NO_LIMIT)


def _always(restart_s: int, stop_s: int) -> tuple[str, ...]:
    """Return the lines of what runs for ever: `restart_s` after its end it runs again, and `stop_s` it has to end."""
    return ("Restart=always", f"RestartSec={restart_s}", f"TimeoutStopSec={stop_s}")


def _watched(watchdog_s: int, start_s: int, restart_s: int, stop_s: int) -> tuple[str, ...]:
    """Return the lines of what tells systemd that it lives: silent for `watchdog_s`, it is ended and runs again.

    `start_s` is how long it may take until it says that it is ready; until then nobody waits for a sign of life.
    """
    told = (f"WatchdogSec={watchdog_s}", f"TimeoutStartSec={start_s}", "TimeoutAbortSec=3")
    return (*told, *_always(restart_s, stop_s))


def _state(folder: str) -> tuple[str, ...]:
    return (f"StateDirectory=siaga/{folder}", "StateDirectoryMode=0700")


def _devices(*devices: str) -> tuple[str, ...]:
    return ("DevicePolicy=closed", *(f"DeviceAllow={device}" for device in devices))


_OWN_DEVICES: Final = Opened(None, "it has those listed above and no others.")
_NO_RTC: Final = Opened(None, "it would let the clock's device in, which without capabilities nobody sets anyway.")

EDGE: Final = Service(
    name="siaga-edge",
    description="Siaga: the box's agent",
    start=f"{CURRENT}/siaga-edge --config /etc/siaga/box.toml",
    user="siaga-edge",
    kind="notify",
    groups=("gpio", "dialout"),
    memory="300M",
    unit=_AT_ONCE,
    service=(
        *_watched(10, start_s=60, restart_s=1, stop_s=20),
        *_state("edge"),
        "FileDescriptorStoreMax=16",
        "RuntimeDirectory=siaga",
        "RuntimeDirectoryMode=0750",
        "RuntimeDirectoryPreserve=yes",
        "OOMScoreAdjust=-900",
        "CPUWeight=500",
        "TasksMax=256",
        "LogRateLimitIntervalSec=30",
        "LogRateLimitBurst=300",
        *_devices(*GPIO, *SERIAL),
    ),
    opened={
        "PrivateDevices": _OWN_DEVICES,
        "ProcSubset": Opened("all", "It tells the box's load, memory and radio, and knows the boot by its id."),
        "ProtectClock": Opened(None, "it asks adjtimex(2) how well the clock is kept. It has no right to set one."),
        "SystemCallFilter+": Opened("adjtimex clock_adjtime", "The same: only asking."),
    },
)

BROKER: Final = Service(
    name="siaga-broker@",
    description="Siaga: the %i broker",
    start="/usr/sbin/mosquitto -c /etc/siaga/brokers/%i/mosquitto.conf",
    user="mosquitto",
    kind="notify",
    groups=("siaga",),
    unit=_AFTER,
    service=(
        "ExecReload=/bin/kill -HUP $MAINPID",
        *_always(2, stop_s=10),
        "LimitNOFILE=65536",
        "OOMScoreAdjust=-800",
        "ReadWritePaths=/etc/siaga/brokers/%i",
    ),
)

COLLECTOR: Final = Service(
    name="siaga-collector@",
    description="Siaga: collector %i",
    start=f"{CURRENT}/siaga collector run --config /etc/siaga/collector-%i.toml",
    user="siaga-collector",
    kind="notify",
    memory="1G",
    unit=_AFTER,
    service=(*_watched(30, start_s=120, restart_s=2, stop_s=30), *_state("collector/%i")),
)

DESK: Final = Service(
    name="siaga-desk",
    description="Siaga: the duty desk",
    start=f"{CURRENT}/siaga desk run --config /etc/siaga/desk.toml",
    user="siaga-desk",
    kind="notify",
    memory="2G",
    unit=_AFTER,
    service=(
        "# A ledger of many years is read before it is ready.",
        *_watched(15, start_s=600, restart_s=1, stop_s=15),
        *_state("desk"),
        "OOMScoreAdjust=-900",
        "CPUWeight=500",
        "LimitNOFILE=8192",
    ),
)

WALL: Final = Service(
    name="siaga-wall",
    description="Siaga: the wall server",
    start=f"{CURRENT}/siaga wall serve --config /etc/siaga/wall.toml",
    user="siaga-wall",
    kind="notify",
    memory="1G",
    unit=_AFTER,
    service=(*_watched(30, start_s=120, restart_s=2, stop_s=10), *_state("wall"), "LimitNOFILE=8192"),
)

BELL: Final = Service(
    name="siaga-bell",
    description="Siaga: the bell of the duty room",
    start=f"{CURRENT}/siaga bell run --config /etc/siaga/bell.toml",
    user="siaga-bell",
    kind="notify",
    groups=("gpio",),
    memory="300M",
    unit=_AT_ONCE,
    service=(
        *_watched(10, start_s=60, restart_s=1, stop_s=5),
        *_state("bell"),
        "OOMScoreAdjust=-900",
        "# gammu-smsd's outbox, where there is one.",
        "ReadWritePaths=-/var/spool/gammu",
        *_devices(*GPIO),
    ),
    opened={"PrivateDevices": _OWN_DEVICES, "ProtectClock": _NO_RTC},
)

BACKUP: Final = Service(
    name="siaga-backup",
    description="Siaga: a backup of the ledger and what belongs to it",
    start="/usr/local/lib/siaga/backup",
    user="siaga-desk",
    kind="oneshot",
    unit=("RequiresMountsFor=/var/backups/siaga",),
    service=(
        "TimeoutStartSec=1h",
        "Nice=10",
        "IOSchedulingClass=idle",
        *_state("desk"),
        "ReadWritePaths=/var/backups/siaga",
    ),
    wanted_by="",
)

_BROWSER: Final = (
    "/usr/bin/cage -d --",
    "/usr/bin/chromium --kiosk --ozone-platform=wayland --force-device-scale-factor=${SCALE}",
    "--user-data-dir=/var/lib/siaga-screen/chromium --no-first-run --noerrdialogs --disable-session-crashed-bubble",
    "--hide-crash-restore-bubble --disable-infobars --disable-translate --disable-pinch",
    "--overscroll-history-navigation=0",
    "--disable-background-timer-throttling --disable-renderer-backgrounding --disable-backgrounding-occluded-windows",
    "--password-store=basic --autoplay-policy=no-user-gesture-required --check-for-update-interval=31536000",
    "${WALL}/wall/${SCREEN}?kiosk",
)
_SANDBOX: Final = "Chromium shuts each of its pages into namespaces and a filter of system calls of its own."

SCREEN: Final = Service(
    name="siaga-screen",
    description="Siaga: a screen of the wall",
    start=" \\\n  ".join(_BROWSER),
    user="siaga-screen",
    groups=("video", "render", "input"),
    memory="2500M",
    unit=(
        "Wants=network-online.target seatd.service",
        "After=network-online.target seatd.service getty@tty1.service",
        "Conflicts=getty@tty1.service",
        _NO_LIMIT,
    ),
    service=(
        "# The display comes from seatd and not by a log-in, whose session would take cage and browser out of this",
        "# unit: out of its bound on memory, and they would not end with it.",
        "Environment=LIBSEAT_BACKEND=seatd XDG_RUNTIME_DIR=/run/siaga-screen",
        "EnvironmentFile=/etc/siaga/screen.env",
        *_always(3, stop_s=5),
        "StateDirectory=siaga-screen",
        "RuntimeDirectory=siaga-screen",
        "RuntimeDirectoryMode=0700",
        "OOMPolicy=stop",
        "LogRateLimitIntervalSec=30",
        "LogRateLimitBurst=100",
    ),
    opened={
        "ProtectProc": Opened(None, _SANDBOX),
        "ProcSubset": Opened(None, "Chromium reads the machine's memory and processors."),
        "ProtectClock": Opened(None, "it would close all devices but one."),
        "PrivateDevices": Opened(None, "a display, its graphics and its keys."),
        "PrivateUsers": Opened(None, _SANDBOX),
        "MemoryDenyWriteExecute": Opened(None, "V8 makes code at run time."),
        "RestrictAddressFamilies": Opened("AF_INET AF_INET6 AF_UNIX AF_NETLINK", "Chromium hears of networks."),
        "RestrictNamespaces": Opened(None, _SANDBOX),
        "SystemCallFilter": Opened(None, _SANDBOX),
        "SystemCallFilter~": Opened(None, _SANDBOX),
    },
    most_exposed=4.5,
    exposed_why="a browser makes code at run time, has a display's devices, and builds its own sandbox of namespaces",
)

SCREEN_WATCH: Final = Service(
    name="siaga-screen-watch",
    description="Siaga: restarts a browser that shows no truth",
    start="/usr/local/lib/siaga/screen-watch",
    user="root",
    kind="oneshot",
    service=("EnvironmentFile=/etc/siaga/screen.env", "TimeoutStartSec=30"),
    opened={
        "ProcSubset": Opened("all", "It looks at /proc/uptime."),
        "ProtectProc": Opened(None, "systemctl looks at process 1."),
    },
    wanted_by="",
)

UNITS: Final[tuple[Service | Timer, ...]] = (
    EDGE,
    BROKER,
    COLLECTOR,
    DESK,
    WALL,
    BELL,
    BACKUP,
    Timer(
        "siaga-backup",
        "Siaga: a backup each hour",
        ("OnCalendar=hourly", "RandomizedDelaySec=5min", "Persistent=yes"),
    ),
    SCREEN,
    SCREEN_WATCH,
    Timer(
        "siaga-screen-watch",
        "Siaga: looks after the screen's browser each 30 s",
        ("OnBootSec=3min", "OnUnitInactiveSec=30s"),
    ),
)

SCRIPTS: Final[dict[str, str]] = {"siaga-screen-watch": "/usr/local/lib/siaga/screen-watch"}
"""Files beside the units that one of them starts, and where each is installed."""
