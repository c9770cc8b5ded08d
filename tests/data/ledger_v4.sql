BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0004');
CREATE TABLE blobs (
	digest VARCHAR(200) NOT NULL, 
	size BIGINT NOT NULL, 
	at DOUBLE NOT NULL, 
	PRIMARY KEY (digest)
);
CREATE TABLE environments (
	id VARCHAR(200) NOT NULL, 
	body TEXT NOT NULL, checksum VARCHAR(32) DEFAULT '' NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "environments" VALUES('env1','{"id":"env1","python":"3.11.7","implementation":"CPython","platform":"Linux","machine":"x86_64","distributions":[{"name":"numpy","version":"2.0"}]}','381719623c90327171659cdc93bf37c3');
CREATE TABLE executions (
	session VARCHAR(200) NOT NULL, 
	n INTEGER NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	body TEXT NOT NULL, checksum VARCHAR(32) DEFAULT '' NOT NULL, 
	PRIMARY KEY (session, n)
);
INSERT INTO "executions" VALUES('s1',1,'ok','{"type":"execution","session":"s1","n":1,"source":"x = 1","state":"ok"}','495a518857204466093924bf2a22b7a9');
INSERT INTO "executions" VALUES('s1',2,'ok','{"type":"execution","session":"s1","n":2,"source":"x = 2","state":"ok"}','14742d44952fe0cb90145f00c351a281');
CREATE TABLE experiments (
	id VARCHAR(200) NOT NULL, 
	name TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "experiments" VALUES('exp-a','a');
CREATE TABLE forgotten (
	id VARCHAR(200) NOT NULL, 
	experiment VARCHAR(200) NOT NULL, 
	number INTEGER NOT NULL, 
	at DOUBLE NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE goals (
	experiment VARCHAR(200) NOT NULL, 
	at DOUBLE NOT NULL, 
	body TEXT NOT NULL, checksum VARCHAR(32) DEFAULT '' NOT NULL, 
	PRIMARY KEY (experiment, at)
);
INSERT INTO "goals" VALUES('exp-a',1.0,'{"type":"goal","experiment_id":"exp-a","at":1.0,"text":"good","metric":"auc","at_least":0.7}','8092c930ea219702ad2b05046f2108f7');
CREATE TABLE marks (
	run VARCHAR(200) NOT NULL, 
	seq INTEGER NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	name TEXT NOT NULL, 
	text TEXT NOT NULL, 
	number DOUBLE, 
	PRIMARY KEY (run, seq)
);
CREATE TABLE observations (
	session VARCHAR(200) NOT NULL, 
	n INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	body TEXT NOT NULL, checksum VARCHAR(32) DEFAULT '' NOT NULL, 
	PRIMARY KEY (session, n, seq)
);
INSERT INTO "observations" VALUES('s1',2,0,'metric','{"type":"observation","session":"s1","n":2,"seq":0,"at":1.0,"kind":"metric","name":"auc","value":0.5}','e3b8cd447ae6018dbfbb88b80459cac5');
CREATE TABLE packages (
	environment VARCHAR(200) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	version VARCHAR(200) NOT NULL, 
	PRIMARY KEY (environment, name)
);
INSERT INTO "packages" VALUES('env1','numpy','2.0');
CREATE TABLE renames (
	path VARCHAR(1000) NOT NULL, 
	notebook VARCHAR(200) NOT NULL, 
	experiment VARCHAR(200) NOT NULL, 
	PRIMARY KEY (path)
);
CREATE TABLE runs (
	id VARCHAR(200) NOT NULL, 
	session VARCHAR(200) NOT NULL, 
	experiment VARCHAR(200) NOT NULL, 
	number INTEGER NOT NULL, 
	started DOUBLE NOT NULL, 
	deleted BOOLEAN NOT NULL, 
	body TEXT NOT NULL, checksum VARCHAR(32) DEFAULT '' NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT runs_number UNIQUE (experiment, number)
);
INSERT INTO "runs" VALUES('r1','s1','exp-a',1,1.0,0,'{"type":"run","id":"r1","experiment_id":"exp-a","experiment":"a","session":"s1","state":"open","started":1.0,"number":1,"metrics":[{"name":"auc","value":0.5,"observation":"s1:2:0"}]}','c92cf6ce92033e1bf9ca4c7f4e62d66e');
CREATE TABLE sessions (
	id VARCHAR(200) NOT NULL, 
	writer VARCHAR(200) NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	started DOUBLE NOT NULL, 
	kernel VARCHAR(200) NOT NULL, 
	notebook VARCHAR(200) NOT NULL, 
	path TEXT NOT NULL, 
	experiment VARCHAR(200) NOT NULL, 
	environment VARCHAR(200), 
	revision INTEGER NOT NULL, 
	derived INTEGER NOT NULL, 
	body TEXT NOT NULL, checksum VARCHAR(32) DEFAULT '' NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "sessions" VALUES('s1','w1','notebook','running',100.0,'','nb-a','a.ipynb','exp-a','env1',2,1,'{"type":"session","id":"s1","writer":"w1","kind":"notebook","experiment":"a","experiment_id":"exp-a","started":100.0,"notebook":{"id":"nb-a","path":"a.ipynb"},"tags":{"k":"v"}}','2d9410c0c83504e9354f362edea7879d');
CREATE TABLE submissions (
	id VARCHAR(200) NOT NULL, 
	job VARCHAR(200) NOT NULL, 
	run VARCHAR(200) NOT NULL, 
	at DOUBLE NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	body TEXT NOT NULL, checksum VARCHAR(32) DEFAULT '' NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE tokens (
	id VARCHAR(200) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	created DOUBLE NOT NULL, 
	body TEXT NOT NULL, checksum VARCHAR(32) DEFAULT '' NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (digest)
);
CREATE TABLE verifications (
	id VARCHAR(200) NOT NULL, 
	run VARCHAR(200) NOT NULL, 
	session VARCHAR(200) NOT NULL, 
	at DOUBLE NOT NULL, 
	body TEXT NOT NULL, verdict VARCHAR(30) DEFAULT '' NOT NULL, checksum VARCHAR(32) DEFAULT '' NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "verifications" VALUES('v1','r1','s1',10.0,'{"type":"verification","id":"v1","run":"r1","session":"s1","result":"auc","at":10.0,"verdict":"identical"}','identical','fb33a47f19daf48383d66989c83882ea');
CREATE TABLE writers (
	id VARCHAR(200) NOT NULL, 
	n INTEGER NOT NULL, 
	position BIGINT NOT NULL, 
	closed DOUBLE, 
	PRIMARY KEY (id)
);
INSERT INTO "writers" VALUES('w1',4,40,NULL);
CREATE INDEX ix_sessions_path ON sessions (path);
CREATE INDEX ix_sessions_notebook ON sessions (notebook);
CREATE INDEX ix_sessions_started ON sessions (started);
CREATE INDEX ix_sessions_kernel ON sessions (kernel);
CREATE INDEX ix_sessions_experiment ON sessions (experiment);
CREATE INDEX ix_sessions_writer ON sessions (writer);
CREATE INDEX ix_runs_session ON runs (session);
CREATE INDEX ix_runs_number ON runs (number);
CREATE INDEX ix_runs_started ON runs (started);
CREATE INDEX ix_verifications_run ON verifications (run);
CREATE INDEX ix_verifications_session ON verifications (session);
CREATE INDEX verifications_newest ON verifications (run, at);
CREATE INDEX marks_run ON marks (run, kind, name, number);
CREATE INDEX marks_number ON marks (kind, name, number, run);
CREATE INDEX marks_text ON marks (kind, name, text, run);
CREATE INDEX packages_name ON packages (name, version, environment);
CREATE INDEX runs_newest ON runs (started, number, id);
COMMIT;
