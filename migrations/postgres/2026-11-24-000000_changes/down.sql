drop function jeton_user_changed() cascade;
drop function jeton_membership_changed() cascade;
drop function jeton_token_changed() cascade;
drop function jeton_clients_changed() cascade;
drop function jeton_everything_changed() cascade;
drop function jeton_tell(text);
