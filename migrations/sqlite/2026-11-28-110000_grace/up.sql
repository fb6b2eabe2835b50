-- To be revoked is a state: it does not ask what time `revoked_at` is. Only a token whose `revoked_at` is its `grace_until` is
-- in a grace, and lives until then. Whoever revokes by hand sets `revoked_at`, to any moment, and the token is dead.
alter table tokens add column grace_until text;

-- Graces that are under way. Of those that a jeton of the version before gives from now on newer ones know nothing: to them
-- such a token is revoked at once.
update tokens set grace_until = revoked_at where revoked_at > strftime('%Y-%m-%d %H:%M:%f', 'now');
