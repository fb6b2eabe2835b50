drop index tokens_hint;
drop index audit_log_target_changes;
drop index if exists users_search;
