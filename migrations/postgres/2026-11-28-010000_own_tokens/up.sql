-- Whether the user made this token themselves: JETON_NAMED_TOKENS_PER_USER counts those that live. Tokens made before,
-- and by jetons that do not know the column, count as made by others.
alter table tokens add column own boolean not null default false;
