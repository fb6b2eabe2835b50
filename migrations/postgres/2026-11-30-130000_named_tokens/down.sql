drop index tokens_named;
