alter table client_usage drop column previous_secret_last_used_at;
