-- Named tokens among many tokens of logins: the console lists those that nobody uses.
create index tokens_named on tokens (id) where name is not null;
