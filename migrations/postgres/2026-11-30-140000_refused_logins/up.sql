-- Refused logins, newest first, among many others: of the audit log, and of the overview's day.
create index audit_log_refused on audit_log (at, id) where action = 'login.failed';
