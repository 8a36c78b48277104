-- The tables as version 2 of the schema made them. Never changed: databases of sites look like this.
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
CREATE TABLE step_changes (
	change_id INTEGER NOT NULL, 
	work_item_uid VARCHAR(64) NOT NULL, 
	changed_at DOUBLE NOT NULL, 
	state_before VARCHAR(24), 
	state_after VARCHAR(24) NOT NULL, 
	"by" VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	PRIMARY KEY (change_id), 
	CONSTRAINT stepstate_value CHECK (state_before IN ('SCHEDULED', 'IN PROGRESS', 'COMPLETED', 'CANCELED')), 
	CONSTRAINT stepstate_value CHECK (state_after IN ('SCHEDULED', 'IN PROGRESS', 'COMPLETED', 'CANCELED'))
);
CREATE TABLE priority_changes (
	change_id INTEGER NOT NULL, 
	work_item_uid VARCHAR(64) NOT NULL, 
	study_instance_uid VARCHAR(64) NOT NULL, 
	changed_at DOUBLE NOT NULL, 
	class_before INTEGER, 
	class_after INTEGER NOT NULL, 
	"by" VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	bundle_digest VARCHAR(64) NOT NULL, 
	threshold VARCHAR NOT NULL, 
	PRIMARY KEY (change_id)
);
CREATE TABLE controls (
	name VARCHAR NOT NULL, 
	value JSON NOT NULL, 
	changed_at DOUBLE NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE users (
	name VARCHAR(64) NOT NULL, 
	roles JSON NOT NULL, 
	password_hash VARCHAR NOT NULL, 
	token_hash VARCHAR(64) NOT NULL, 
	disabled BOOLEAN NOT NULL, 
	created_at DOUBLE NOT NULL, 
	changed_at DOUBLE NOT NULL, 
	PRIMARY KEY (name), 
	CONSTRAINT user_name_in_lower_case CHECK (name = lower(name))
);
CREATE TABLE web_secrets (
	name VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE hl7_messages (
	message_id INTEGER NOT NULL, 
	application VARCHAR NOT NULL, 
	facility VARCHAR NOT NULL, 
	control_id VARCHAR NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	received_at DOUBLE NOT NULL, 
	PRIMARY KEY (message_id), 
	UNIQUE (application, facility, control_id, digest)
);
CREATE TABLE hl7_orders (
	order_id INTEGER NOT NULL, 
	study_instance_uid VARCHAR(64) NOT NULL, 
	accession_number VARCHAR NOT NULL, 
	patient_ids JSON NOT NULL, 
	priority_code VARCHAR NOT NULL, 
	told_code VARCHAR NOT NULL, 
	told_taken BOOLEAN NOT NULL, 
	shown_code VARCHAR NOT NULL, 
	location VARCHAR NOT NULL, 
	cancelled BOOLEAN NOT NULL, 
	read BOOLEAN NOT NULL, 
	message TEXT NOT NULL, 
	character_set VARCHAR, 
	changed_at DOUBLE NOT NULL, 
	PRIMARY KEY (order_id), 
	UNIQUE (study_instance_uid, accession_number), 
	CONSTRAINT order_names_a_study CHECK (study_instance_uid <> '' OR accession_number <> '')
);
CREATE TABLE hl7_feeds (
	receiver VARCHAR NOT NULL, 
	decision_id INTEGER NOT NULL, 
	PRIMARY KEY (receiver)
);
CREATE TABLE receivers (
	name VARCHAR NOT NULL, 
	since DOUBLE NOT NULL, 
	configured BOOLEAN NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE receiver_standings (
	receiver VARCHAR NOT NULL, 
	study_instance_uid VARCHAR(64) NOT NULL, 
	wish VARCHAR(24) NOT NULL, 
	original VARCHAR, 
	known VARCHAR, 
	intended VARCHAR, 
	left_at DOUBLE, 
	left_because VARCHAR NOT NULL, 
	found VARCHAR NOT NULL, 
	PRIMARY KEY (receiver, study_instance_uid), 
	CONSTRAINT wish_value CHECK (wish IN ('raised', 'as-it-was', 'lowered'))
);
CREATE TABLE step_watchers (
	ae_title VARCHAR(16) NOT NULL, 
	channel VARCHAR(16) NOT NULL, 
	global_lock BOOLEAN, 
	matching_keys JSON, 
	PRIMARY KEY (ae_title), 
	CONSTRAINT filter_of_a_global CHECK (global_lock IS NOT NULL OR matching_keys IS NULL)
);
CREATE TABLE step_subscriptions (
	work_item_uid VARCHAR(64) NOT NULL, 
	ae_title VARCHAR(16) NOT NULL, 
	deletion_lock BOOLEAN NOT NULL, 
	PRIMARY KEY (work_item_uid, ae_title)
);
CREATE TABLE step_candidates (
	work_item_uid VARCHAR(64) NOT NULL, 
	ae_title VARCHAR(16) NOT NULL, 
	PRIMARY KEY (work_item_uid, ae_title)
);
CREATE TABLE event_reports (
	event_id INTEGER NOT NULL, 
	ae_title VARCHAR(16) NOT NULL, 
	channel VARCHAR(16) NOT NULL, 
	work_item_uid VARCHAR(64) NOT NULL, 
	event_type INTEGER NOT NULL, 
	information JSON NOT NULL, 
	occurred_at DOUBLE NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	attempts INTEGER NOT NULL, 
	next_attempt_at DOUBLE NOT NULL, 
	lease_owner VARCHAR NOT NULL, 
	lease_until DOUBLE, 
	problem VARCHAR NOT NULL, 
	PRIMARY KEY (event_id), 
	CONSTRAINT sending_event_has_an_owner CHECK ((state = 'sending') = (lease_owner <> ''))
);
CREATE TABLE work_items (
	work_item_uid VARCHAR(64) NOT NULL, 
	study_instance_uid VARCHAR(64), 
	arrived_at DOUBLE NOT NULL, 
	reading_class INTEGER NOT NULL, 
	reasons JSON NOT NULL, 
	outcome VARCHAR(24), 
	changed_at DOUBLE NOT NULL, 
	version INTEGER NOT NULL, 
	step_state VARCHAR(24) NOT NULL, 
	transaction_uid VARCHAR(64) NOT NULL, 
	claimed_by VARCHAR NOT NULL, 
	claimed_at DOUBLE, 
	ended_at DOUBLE, 
	held_by VARCHAR NOT NULL, 
	capped_at DOUBLE, 
	patient_location VARCHAR NOT NULL, 
	attributes JSON NOT NULL, 
	named_study_uid VARCHAR(64) NOT NULL, 
	patient_id VARCHAR NOT NULL, 
	patient_name VARCHAR NOT NULL, 
	name_alphabetic VARCHAR NOT NULL, 
	name_ideographic VARCHAR NOT NULL, 
	name_phonetic VARCHAR NOT NULL, 
	accession_number VARCHAR NOT NULL, 
	label VARCHAR NOT NULL, 
	PRIMARY KEY (work_item_uid), 
	CONSTRAINT final_has_an_end CHECK ((step_state IN ('COMPLETED', 'CANCELED')) = (ended_at IS NOT NULL)), 
	CONSTRAINT scheduled_is_unclaimed CHECK (step_state <> 'SCHEDULED' OR (claimed_at IS NULL AND transaction_uid = '')), 
	CONSTRAINT in_progress_is_claimed CHECK (step_state <> 'IN PROGRESS' OR (claimed_at IS NOT NULL AND transaction_uid <> '')), 
	UNIQUE (study_instance_uid), 
	FOREIGN KEY(study_instance_uid) REFERENCES studies (study_instance_uid), 
	CONSTRAINT outcome_value CHECK (outcome IN ('abnormal', 'likely-normal', 'indeterminate', 'not-assessable')), 
	CONSTRAINT stepstate_value CHECK (step_state IN ('SCHEDULED', 'IN PROGRESS', 'COMPLETED', 'CANCELED'))
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
CREATE TABLE web_sessions (
	session_hash VARCHAR(64) NOT NULL, 
	user_name VARCHAR(64) NOT NULL, 
	opened_at DOUBLE NOT NULL, 
	used_at DOUBLE NOT NULL, 
	PRIMARY KEY (session_hash), 
	FOREIGN KEY(user_name) REFERENCES users (name) ON DELETE CASCADE
);
CREATE TABLE film_views (
	instance_id INTEGER NOT NULL, 
	bundle_digest VARCHAR(64) NOT NULL, 
	rows INTEGER NOT NULL, 
	columns INTEGER NOT NULL, 
	landmarks JSON NOT NULL, 
	finding VARCHAR NOT NULL, 
	saliency VARCHAR NOT NULL, 
	attempts INTEGER NOT NULL, 
	PRIMARY KEY (instance_id), 
	FOREIGN KEY(instance_id) REFERENCES instances (instance_id)
);
CREATE TABLE order_questions (
	study_instance_uid VARCHAR(64) NOT NULL, 
	attempts INTEGER NOT NULL, 
	next_attempt_at DOUBLE NOT NULL, 
	answered_at DOUBLE, 
	answer VARCHAR NOT NULL, 
	PRIMARY KEY (study_instance_uid), 
	FOREIGN KEY(study_instance_uid) REFERENCES studies (study_instance_uid)
);
CREATE TABLE receiver_changes (
	receiver_change_id INTEGER NOT NULL, 
	change_id INTEGER, 
	receiver VARCHAR NOT NULL, 
	study_instance_uid VARCHAR(64) NOT NULL, 
	wish VARCHAR(24) NOT NULL, 
	reason VARCHAR NOT NULL, 
	bundle_digest VARCHAR(64) NOT NULL, 
	threshold VARCHAR NOT NULL, 
	made_at DOUBLE NOT NULL, 
	state VARCHAR(24) NOT NULL, 
	attempts INTEGER NOT NULL, 
	next_attempt_at DOUBLE NOT NULL, 
	lease_owner VARCHAR NOT NULL, 
	lease_until DOUBLE, 
	"before" VARCHAR NOT NULL, 
	"after" VARCHAR NOT NULL, 
	acknowledgement VARCHAR NOT NULL, 
	acknowledged_at DOUBLE, 
	confirmed_at DOUBLE, 
	problem VARCHAR NOT NULL, 
	PRIMARY KEY (receiver_change_id), 
	UNIQUE (receiver, change_id), 
	CONSTRAINT leased_until CHECK ((lease_owner <> '') = (lease_until IS NOT NULL)), 
	CONSTRAINT confirmed_at_a_time CHECK ((state = 'confirmed') = (confirmed_at IS NOT NULL)), 
	FOREIGN KEY(change_id) REFERENCES priority_changes (change_id), 
	CONSTRAINT wish_value CHECK (wish IN ('raised', 'as-it-was', 'lowered')), 
	CONSTRAINT receiverstate_value CHECK (state IN ('pending', 'confirming', 'confirmed', 'told', 'not-moved', 'left', 'unsaid', 'superseded', 'dead'))
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
CREATE TABLE feedback (
	feedback_id INTEGER NOT NULL, 
	study_instance_uid VARCHAR(64) NOT NULL, 
	decision_number INTEGER NOT NULL, 
	user_name VARCHAR(64) NOT NULL, 
	verdict VARCHAR(24) NOT NULL, 
	given_at DOUBLE NOT NULL, 
	PRIMARY KEY (feedback_id), 
	FOREIGN KEY(study_instance_uid, decision_number) REFERENCES decisions (study_instance_uid, number), 
	CONSTRAINT verdict_value CHECK (verdict IN ('agree', 'disagree', 'undo'))
);
CREATE TABLE hl7_results (
	result_id INTEGER NOT NULL, 
	receiver VARCHAR NOT NULL, 
	decision_id INTEGER NOT NULL, 
	study_instance_uid VARCHAR(64) NOT NULL, 
	control_id VARCHAR(20) NOT NULL, 
	content BLOB NOT NULL, 
	state VARCHAR(24) NOT NULL, 
	attempts INTEGER NOT NULL, 
	next_attempt_at DOUBLE NOT NULL, 
	lease_owner VARCHAR NOT NULL, 
	lease_until DOUBLE, 
	acknowledged_at DOUBLE, 
	problem VARCHAR NOT NULL, 
	PRIMARY KEY (result_id), 
	UNIQUE (receiver, decision_id), 
	CONSTRAINT sending_has_an_owner CHECK ((state = 'sending') = (lease_owner <> '')), 
	FOREIGN KEY(decision_id) REFERENCES decisions (decision_id), 
	CONSTRAINT hl7_result_state CHECK (state IN ('pending', 'sending', 'stored', 'dead'))
);
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
CREATE INDEX studies_to_examine ON studies (first_arrival) WHERE changes > examined;
CREATE INDEX studies_by_state ON studies (state, last_arrival);
CREATE INDEX ix_instances_study_instance_uid ON instances (study_instance_uid);
CREATE UNIQUE INDEX one_current_version ON instances (sop_instance_uid, study_instance_uid) WHERE NOT superseded;
CREATE INDEX images_waiting ON instances (urgent, received_at) WHERE state IN ('queued', 'claimed');
CREATE INDEX ix_step_changes_work_item_uid ON step_changes (work_item_uid);
CREATE INDEX ix_priority_changes_work_item_uid ON priority_changes (work_item_uid);
CREATE INDEX ix_priority_changes_study_instance_uid ON priority_changes (study_instance_uid);
CREATE INDEX users_by_token ON users (token_hash);
CREATE INDEX ix_hl7_messages_received_at ON hl7_messages (received_at);
CREATE INDEX hl7_orders_by_accession ON hl7_orders (accession_number) WHERE accession_number <> '';
CREATE INDEX ix_hl7_orders_changed_at ON hl7_orders (changed_at);
CREATE INDEX ix_step_subscriptions_ae_title ON step_subscriptions (ae_title);
CREATE INDEX ix_event_reports_work_item_uid ON event_reports (work_item_uid);
CREATE INDEX event_reports_sending ON event_reports (lease_until) WHERE state = 'sending';
CREATE INDEX event_reports_due ON event_reports (ae_title, channel, state, next_attempt_at);
CREATE INDEX work_items_by_ideographic_name ON work_items (name_ideographic);
CREATE INDEX work_items_by_study ON work_items (named_study_uid);
CREATE INDEX work_items_by_phonetic_name ON work_items (name_phonetic);
CREATE INDEX work_items_ended ON work_items (arrived_at, work_item_uid) WHERE NOT (ended_at IS NULL);
CREATE INDEX work_items_by_accession ON work_items (accession_number);
CREATE INDEX work_items_movable ON work_items (reading_class, arrived_at, work_item_uid) WHERE ended_at IS NULL AND claimed_at IS NULL AND held_by = '';
CREATE INDEX work_items_fixed ON work_items (reading_class, arrived_at, work_item_uid) WHERE ended_at IS NULL AND (claimed_at IS NOT NULL OR held_by <> '');
CREATE INDEX work_items_by_patient ON work_items (patient_id);
CREATE INDEX work_items_by_name ON work_items (name_alphabetic);
CREATE INDEX work_items_to_cap ON work_items (arrived_at) WHERE ended_at IS NULL AND claimed_at IS NULL AND held_by = '' AND capped_at IS NULL AND reading_class > 1;
CREATE INDEX ix_web_sessions_user_name ON web_sessions (user_name);
CREATE INDEX film_views_waiting ON film_views (instance_id) WHERE finding <> '' AND saliency = '';
CREATE INDEX order_questions_open ON order_questions (next_attempt_at) WHERE answered_at IS NULL;
CREATE UNIQUE INDEX one_live_change ON receiver_changes (receiver, study_instance_uid) WHERE state IN ('pending', 'confirming', 'not-moved');
CREATE INDEX receiver_changes_of_study ON receiver_changes (study_instance_uid);
CREATE INDEX receiver_changes_due ON receiver_changes (receiver, state, next_attempt_at);
CREATE INDEX receiver_changes_leased ON receiver_changes (receiver, study_instance_uid) WHERE lease_owner <> '';
CREATE INDEX ix_reports_study_instance_uid ON reports (study_instance_uid);
CREATE INDEX feedback_by_study ON feedback (study_instance_uid, feedback_id);
CREATE INDEX ix_hl7_results_study_instance_uid ON hl7_results (study_instance_uid);
CREATE INDEX hl7_results_due ON hl7_results (receiver, state, next_attempt_at);
CREATE INDEX deliveries_due ON deliveries (destination, state, next_attempt_at);
CREATE INDEX deliveries_as_stored ON deliveries (stored_as);
PRAGMA user_version = 2;
