/* Lists of users by their last login, tokens by the first characters of their key, what was done to a user: pages of the
   console. */
create index users_last_login on users (last_login, id);
create index tokens_hint on tokens (hint);
create index audit_log_target_changes on audit_log (target, id) where action not in ('login', 'login.failed');
