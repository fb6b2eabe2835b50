/* When a client last used, on this day, the secret that it had before its last rotation. */
alter table client_usage add column previous_secret_last_used_at text;
