-- writer.db as version 1 of this program left it: sqlite3 .dump
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE progress (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        cursor INTEGER NOT NULL,          -- the last journal row that is wholly in the database
        lines INTEGER NOT NULL,           -- written since the start of time
        refused INTEGER NOT NULL
    ) STRICT;
INSERT INTO "progress" VALUES(1,43,427,3);
CREATE TABLE refused (
        id INTEGER PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        row INTEGER NOT NULL,             -- in the journal
        device TEXT NOT NULL,
        log TEXT NOT NULL,
        seq INTEGER NOT NULL,
        line BLOB NOT NULL,
        status INTEGER NOT NULL,          -- HTTP status; 0: refused by the writer itself
        words TEXT NOT NULL               -- the server's
    ) STRICT;
INSERT INTO "refused" VALUES(1,1763715600000,17,'bin-001','0000abcd',7,X'72656164696E672C6465766963653D62696E2D303031206C6F673D223030303061626364222C7365713D37692C636C6F636B3D226E7470222C74656D705F64633D323135692031373633373135363030303037303030303037',422,'{"code":"unprocessable entity","message":"failure writing points to database: partial write: field type conflict"}');
INSERT INTO "refused" VALUES(2,1763715600000,18,'bin-002','0000abce',9,X'7B22736571223A397D',0,'bad-record: recs[0]');
INSERT INTO "refused" VALUES(3,1763715601000,42,'bin-001','0000abcd',7,X'72656164696E672C6465766963653D62696E2D303031206C6F673D223030303061626364222C7365713D37692C636C6F636B3D226E7470222C74656D705F64633D323135692031373633373135363030303037303030303037',422,'again');
COMMIT;
