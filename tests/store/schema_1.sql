-- The tables as version 1 of the schema made them. Never changed: databases of sites look like this.
CREATE TABLE studies (
    study_instance_uid VARCHAR(64) NOT NULL,
    state VARCHAR(24) NOT NULL,
    changes INTEGER NOT NULL,
    examined INTEGER NOT NULL,
    first_arrival DOUBLE NOT NULL,
    last_arrival DOUBLE NOT NULL,
    order_priority VARCHAR(24) NOT NULL,
    patient_name VARCHAR NOT NULL,
    patient_id VARCHAR NOT NULL,
    patient_birth_date VARCHAR NOT NULL,
    patient_sex VARCHAR NOT NULL,
    accession_number VARCHAR NOT NULL,
    study_description VARCHAR NOT NULL,
    study_date VARCHAR NOT NULL,
    PRIMARY KEY (study_instance_uid),
    CONSTRAINT examined_not_ahead CHECK (examined <= changes),
    CONSTRAINT studystate_value CHECK (state IN ('arriving', 'complete', 'decided')),
    CONSTRAINT orderpriority_value CHECK (order_priority IN ('STAT', 'HIGH', 'ROUTINE', 'MEDIUM', 'LOW', 'UNKNOWN'))
);

CREATE INDEX studies_by_state ON studies (state, last_arrival);

CREATE INDEX studies_to_examine ON studies (first_arrival) WHERE changes > examined;

CREATE TABLE instances (
    instance_id INTEGER NOT NULL,
    sop_instance_uid VARCHAR(64) NOT NULL,
    version INTEGER NOT NULL,
    superseded BOOLEAN NOT NULL,
    study_instance_uid VARCHAR(64) NOT NULL,
    sop_class_uid VARCHAR(64) NOT NULL,
    sha256 VARCHAR(64) NOT NULL,
    size_bytes INTEGER NOT NULL,
    path VARCHAR NOT NULL,
    calling_ae_title VARCHAR(16) NOT NULL,
    received_at DOUBLE NOT NULL,
    facts JSON NOT NULL,
    state VARCHAR(24) NOT NULL,
    problem VARCHAR NOT NULL,
    attempts INTEGER NOT NULL,
    lease_owner VARCHAR NOT NULL,
    lease_until DOUBLE,
    urgent BOOLEAN NOT NULL,
    analysis JSON,
    analysed_at DOUBLE,
    thumbnail VARCHAR NOT NULL,
    PRIMARY KEY (instance_id),
    UNIQUE (study_instance_uid, sop_instance_uid, version),
    CONSTRAINT claimed_has_an_owner CHECK ((state = 'claimed') = (lease_owner <> '')),
    CONSTRAINT analysed_has_results CHECK ((state = 'analysed') = (analysis IS NOT NULL)),
    UNIQUE (path),
    CONSTRAINT imagestate_value CHECK (state IN ('queued', 'claimed', 'analysed', 'set-aside', 'not-eligible', 'header-only'))
);

CREATE INDEX ix_instances_study_instance_uid ON instances (study_instance_uid);

CREATE INDEX images_waiting ON instances (urgent, received_at) WHERE state IN ('queued', 'claimed');

CREATE UNIQUE INDEX one_current_version ON instances (sop_instance_uid, study_instance_uid) WHERE NOT superseded;

CREATE TABLE priority_changes (
    change_id INTEGER NOT NULL,
    study_instance_uid VARCHAR(64) NOT NULL,
    changed_at DOUBLE NOT NULL,
    class_before INTEGER,
    class_after INTEGER NOT NULL,
    reason VARCHAR NOT NULL,
    bundle_digest VARCHAR(64) NOT NULL,
    PRIMARY KEY (change_id)
);

CREATE INDEX ix_priority_changes_study_instance_uid ON priority_changes (study_instance_uid);

CREATE TABLE controls (
    name VARCHAR NOT NULL,
    value JSON NOT NULL,
    changed_at DOUBLE NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE work_items (
    work_item_uid VARCHAR(64) NOT NULL,
    study_instance_uid VARCHAR(64) NOT NULL,
    reading_class INTEGER NOT NULL,
    reasons JSON NOT NULL,
    outcome VARCHAR(24),
    changed_at DOUBLE NOT NULL,
    PRIMARY KEY (work_item_uid),
    UNIQUE (study_instance_uid),
    FOREIGN KEY(study_instance_uid) REFERENCES studies (study_instance_uid),
    CONSTRAINT outcome_value CHECK (outcome IN ('abnormal', 'likely-normal', 'indeterminate', 'not-assessable'))
);

CREATE TABLE decisions (
    decision_id INTEGER NOT NULL,
    study_instance_uid VARCHAR(64) NOT NULL,
    number INTEGER NOT NULL,
    outcome VARCHAR(24) NOT NULL,
    reading_class INTEGER NOT NULL,
    reasons JSON NOT NULL,
    flagged JSON NOT NULL,
    mode VARCHAR(24) NOT NULL,
    spared BOOLEAN NOT NULL,
    bundle_digest VARCHAR(64) NOT NULL,
    decided_at DOUBLE NOT NULL,
    PRIMARY KEY (decision_id),
    UNIQUE (study_instance_uid, number),
    FOREIGN KEY(study_instance_uid) REFERENCES studies (study_instance_uid),
    CONSTRAINT outcome_value CHECK (outcome IN ('abnormal', 'likely-normal', 'indeterminate', 'not-assessable')),
    CONSTRAINT mode_value CHECK (mode IN ('shadow', 'promote', 'demote'))
);

CREATE TABLE reports (
    sop_instance_uid VARCHAR(64) NOT NULL,
    decision_id INTEGER NOT NULL,
    study_instance_uid VARCHAR(64) NOT NULL,
    sop_class_uid VARCHAR(64) NOT NULL,
    series_instance_uid VARCHAR(64) NOT NULL,
    path VARCHAR NOT NULL,
    created_at DOUBLE NOT NULL,
    PRIMARY KEY (sop_instance_uid),
    UNIQUE (decision_id),
    FOREIGN KEY(decision_id) REFERENCES decisions (decision_id),
    UNIQUE (path)
);

CREATE INDEX ix_reports_study_instance_uid ON reports (study_instance_uid);

CREATE TABLE deliveries (
    delivery_id INTEGER NOT NULL,
    destination VARCHAR NOT NULL,
    sop_instance_uid VARCHAR(64) NOT NULL,
    state VARCHAR(24) NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at DOUBLE NOT NULL,
    lease_owner VARCHAR NOT NULL,
    lease_until DOUBLE,
    status INTEGER,
    stored_as VARCHAR(64) NOT NULL,
    stored_at DOUBLE,
    problem VARCHAR NOT NULL,
    PRIMARY KEY (delivery_id),
    UNIQUE (destination, sop_instance_uid),
    CONSTRAINT sending_has_an_owner CHECK ((state = 'sending') = (lease_owner <> '')),
    FOREIGN KEY(sop_instance_uid) REFERENCES reports (sop_instance_uid),
    CONSTRAINT deliverystate_value CHECK (state IN ('pending', 'sending', 'stored', 'dead'))
);

CREATE INDEX deliveries_as_stored ON deliveries (stored_as);

CREATE INDEX deliveries_due ON deliveries (destination, state, next_attempt_at);

PRAGMA user_version = 1;
