drop index tokens_sealed_expires_at;
