drop trigger tokens_updated on tokens;
create trigger tokens_updated after update on tokens for each row
    when ((old.id, old.user_id, old.digest, old.name, old.scope, old.created_at, old.expires_at, old.revoked_at, old.client)
        is distinct from
        (new.id, new.user_id, new.digest, new.name, new.scope, new.created_at, new.expires_at, new.revoked_at, new.client))
    execute function jeton_token_changed();
alter table tokens drop column grace_until;
