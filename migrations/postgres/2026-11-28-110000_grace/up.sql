-- To be revoked is a state: it does not ask what time `revoked_at` is. Only a token whose `revoked_at` is its `grace_until` is
-- in a grace, and lives until then. Whoever revokes by hand sets `revoked_at`, to any moment, and the token is dead.
alter table tokens add column grace_until timestamptz;

-- Graces that are under way. Of those that a jeton of the version before gives from now on newer ones know nothing: to them
-- such a token is revoked at once.
update tokens set grace_until = revoked_at where revoked_at > now();

-- As before, and with the new column: a grace that is taken away by hand is told.
drop trigger tokens_updated on tokens;
create trigger tokens_updated after update on tokens for each row
    when ((old.id, old.user_id, old.digest, old.name, old.scope, old.created_at, old.expires_at, old.revoked_at, old.grace_until, old.client)
        is distinct from
        (new.id, new.user_id, new.digest, new.name, new.scope, new.created_at, new.expires_at, new.revoked_at, new.grace_until, new.client))
    execute function jeton_token_changed();
