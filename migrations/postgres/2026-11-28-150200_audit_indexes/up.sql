-- Nearly all entries are logins, of which the actor is the target: the index by target finds them, and any newest ones are
-- near the end. What is seldom, other people's and other actions' entries, has indexes of its own, which are small.
drop index audit_log_actor;
drop index audit_log_action;
create index audit_log_others on audit_log (actor, id) where actor <> target;
create index audit_log_changes on audit_log (action, id) where action not in ('login', 'login.failed');
