/* By whom a token was last used: a client's id, or other words (src/domain/token/used_by.rs). It is written together with
   last_used_at. Not a foreign key: the name of a deleted client stays readable. */
alter table tokens add column last_used_by text;
