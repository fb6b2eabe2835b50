drop index users_last_login;
drop index tokens_hint;
drop index audit_log_target_changes;
