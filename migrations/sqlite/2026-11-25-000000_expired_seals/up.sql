-- Expired tokens keep their rows for a month, most of them without a seal: those with one are found without the others.
create index tokens_sealed_expires_at on tokens (expires_at) where sealed is not null;
