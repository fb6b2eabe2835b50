drop index audit_log_others;
drop index audit_log_changes;
create index audit_log_actor on audit_log (actor, id);
create index audit_log_action on audit_log (action, id);
