"""The tables of sms.db: those that gammu-smsd 1.42 reads and writes (its version 17), and two of the desk's own."""

from __future__ import annotations

from typing import Final

_NOW: Final = "NUMERIC NOT NULL DEFAULT (datetime('now'))"
_MESSAGE: Final = (
    "DestinationNumber TEXT NOT NULL DEFAULT '', Coding TEXT NOT NULL DEFAULT 'Default_No_Compression', UDH TEXT,"
    " Class INTEGER DEFAULT -1, TextDecoded TEXT NOT NULL DEFAULT ''"
)

SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS gammu (Version INTEGER NOT NULL DEFAULT 0 PRIMARY KEY)",
    "INSERT OR IGNORE INTO gammu (Version) VALUES (17)",
    f"CREATE TABLE IF NOT EXISTS inbox (UpdatedInDB {_NOW}, ReceivingDateTime {_NOW}, Text TEXT NOT NULL,"
    " SenderNumber TEXT NOT NULL DEFAULT '', Coding TEXT NOT NULL DEFAULT 'Default_No_Compression', UDH TEXT NOT NULL,"
    " SMSCNumber TEXT NOT NULL DEFAULT '', Class INTEGER NOT NULL DEFAULT -1, TextDecoded TEXT NOT NULL DEFAULT '',"
    " ID INTEGER PRIMARY KEY AUTOINCREMENT, RecipientID TEXT NOT NULL, Processed TEXT NOT NULL DEFAULT 'false',"
    " Status INTEGER NOT NULL DEFAULT -1)",
    f"CREATE TABLE IF NOT EXISTS outbox (UpdatedInDB {_NOW}, InsertIntoDB {_NOW}, SendingDateTime {_NOW},"
    " SendBefore time NOT NULL DEFAULT '23:59:59', SendAfter time NOT NULL DEFAULT '00:00:00', Text TEXT,"
    f" {_MESSAGE}, ID INTEGER PRIMARY KEY AUTOINCREMENT, MultiPart TEXT NOT NULL DEFAULT 'false',"
    f" RelativeValidity INTEGER DEFAULT -1, SenderID TEXT, SendingTimeOut {_NOW},"
    " DeliveryReport TEXT DEFAULT 'default', CreatorID TEXT NOT NULL, Retries INTEGER DEFAULT 0,"
    " Priority INTEGER DEFAULT 0, Status TEXT NOT NULL DEFAULT 'Reserved', StatusCode INTEGER NOT NULL DEFAULT -1)",
    "CREATE INDEX IF NOT EXISTS outbox_creator ON outbox (CreatorID)",
    "CREATE TABLE IF NOT EXISTS outbox_multipart (Text TEXT, Coding TEXT NOT NULL DEFAULT 'Default_No_Compression',"
    " UDH TEXT, Class INTEGER DEFAULT -1, TextDecoded TEXT DEFAULT NULL, ID INTEGER,"
    " SequencePosition INTEGER NOT NULL DEFAULT 1, Status TEXT NOT NULL DEFAULT 'Reserved',"
    " StatusCode INTEGER NOT NULL DEFAULT -1, PRIMARY KEY (ID, SequencePosition))",
    f"CREATE TABLE IF NOT EXISTS phones (ID TEXT NOT NULL, UpdatedInDB {_NOW}, InsertIntoDB {_NOW}, TimeOut {_NOW},"
    " Send TEXT NOT NULL DEFAULT 'no', Receive TEXT NOT NULL DEFAULT 'no', IMEI TEXT PRIMARY KEY NOT NULL,"
    " IMSI TEXT NOT NULL, NetCode TEXT DEFAULT 'ERROR', NetName TEXT DEFAULT 'ERROR', Client TEXT NOT NULL,"
    " Battery INTEGER NOT NULL DEFAULT -1, Signal INTEGER NOT NULL DEFAULT -1, Sent INTEGER NOT NULL DEFAULT 0,"
    " Received INTEGER NOT NULL DEFAULT 0)",
    # gammu-smsd leaves this column to a trigger.
    "CREATE TRIGGER IF NOT EXISTS update_phones_time UPDATE ON phones BEGIN"
    " UPDATE phones SET UpdatedInDB = datetime('now') WHERE IMEI = old.IMEI; END",
    f"CREATE TABLE IF NOT EXISTS sentitems (UpdatedInDB {_NOW}, InsertIntoDB {_NOW}, SendingDateTime {_NOW},"
    f" DeliveryDateTime NUMERIC NULL, Text TEXT NOT NULL, {_MESSAGE}, SMSCNumber TEXT NOT NULL DEFAULT '', ID INTEGER,"
    " SenderID TEXT NOT NULL, SequencePosition INTEGER NOT NULL DEFAULT 1, Status TEXT NOT NULL DEFAULT 'SendingOK',"
    " StatusError INTEGER NOT NULL DEFAULT -1, TPMR INTEGER NOT NULL DEFAULT -1,"
    " RelativeValidity INTEGER NOT NULL DEFAULT -1, CreatorID TEXT NOT NULL, StatusCode INTEGER NOT NULL DEFAULT -1,"
    " PRIMARY KEY (ID, SequencePosition))",
    "CREATE INDEX IF NOT EXISTS sentitems_tpmr ON sentitems (TPMR)",
    "CREATE INDEX IF NOT EXISTS sentitems_creator ON sentitems (CreatorID)",
    "CREATE TABLE IF NOT EXISTS siaga_page (page TEXT PRIMARY KEY, account TEXT NOT NULL, number TEXT NOT NULL,"
    " incident_id TEXT, code TEXT, title TEXT NOT NULL, at_ns INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS siaga_reply (at_ns INTEGER NOT NULL, number TEXT NOT NULL, text TEXT NOT NULL,"
    " verdict TEXT NOT NULL)",
)
