//! The tables as Diesel sees them. `migrations/` creates them.
//!
//! Times are `timestamptz` in PostgreSQL and text in SQLite. Diesel sets each PostgreSQL session to UTC and both types
//! travel as the same microseconds, so `Timestamp` here is right for both.

diesel::table! {
    users (id) {
        id -> BigInt,
        username -> Text,
        password -> Text,
        email -> Text,
        first_name -> Text,
        last_name -> Text,
        is_active -> Bool,
        is_staff -> Bool,
        is_superuser -> Bool,
        date_joined -> Timestamp,
        last_login -> Nullable<Timestamp>,
        external_id -> Nullable<Text>,
    }
}

diesel::table! {
    imported_users (user_id) {
        user_id -> BigInt,
        #[doc = "The digests of the fields at the source: `ImportedFields`."]
        fields -> Binary,
        #[doc = "The digest of the hash that the import wrote; a login that replaces the hash replaces it, too."]
        password -> Binary,
    }
}

diesel::table! {
    groups (id) {
        id -> BigInt,
        name -> Text,
    }
}

diesel::table! {
    user_groups (user_id, group_id) {
        user_id -> BigInt,
        group_id -> BigInt,
    }
}

diesel::table! {
    tokens (id) {
        id -> BigInt,
        user_id -> BigInt,
        digest -> Binary,
        sealed -> Nullable<Binary>,
        name -> Nullable<Text>,
        scope -> Text,
        hint -> Text,
        created_at -> Timestamp,
        expires_at -> Nullable<Timestamp>,
        last_used_at -> Nullable<Timestamp>,
        revoked_at -> Nullable<Timestamp>,
        revoked_by -> Nullable<Text>,
        client -> Nullable<Text>,
        #[doc = "Whether the user has created it for themselves: counts for `JETON_NAMED_TOKENS_PER_USER`."]
        own -> Bool,
        grace_until -> Nullable<Timestamp>,
        last_used_by -> Nullable<Text>,
    }
}

diesel::table! {
    clients (id) {
        id -> BigInt,
        client_id -> Text,
        secret_digest -> Binary,
        created_at -> Timestamp,
        rotated_at -> Nullable<Timestamp>,
        previous_digest -> Nullable<Binary>,
        previous_until -> Nullable<Timestamp>,
        note -> Text,
        owner -> Text,
    }
}

diesel::table! {
    client_usage (client_id, day) {
        client_id -> Text,
        day -> Date,
        requests -> BigInt,
        last_used_at -> Timestamp,
        previous_secret_last_used_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    audit_log (id) {
        id -> BigInt,
        at -> Timestamp,
        actor -> Text,
        action -> Text,
        target -> Text,
        address -> Nullable<Text>,
        details -> Text,
    }
}

diesel::table! {
    sessions (id) {
        id -> BigInt,
        user_id -> BigInt,
        digest -> Binary,
        created_at -> Timestamp,
        seen_at -> Timestamp,
        notice -> Nullable<Text>,
        #[doc = "`SessionKind`."]
        kind -> Text,
    }
}

diesel::table! {
    password_links (id) {
        id -> BigInt,
        user_id -> BigInt,
        made_by -> Nullable<BigInt>,
        digest -> Binary,
        created_at -> Timestamp,
        expires_at -> Timestamp,
    }
}

diesel::table! {
    login_networks (id) {
        id -> BigInt,
        user_id -> BigInt,
        network -> Text,
        seen_at -> Timestamp,
    }
}

diesel::table! {
    console_forms (session_id, form) {
        session_id -> BigInt,
        form -> Binary,
        taken_at -> Timestamp,
    }
}

diesel::table! {
    meta (key) {
        key -> Text,
        value -> Text,
    }
}

diesel::joinable!(imported_users -> users (user_id));
diesel::joinable!(tokens -> users (user_id));
diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(login_networks -> users (user_id));
diesel::joinable!(user_groups -> users (user_id));
diesel::joinable!(user_groups -> groups (group_id));
diesel::allow_tables_to_appear_in_same_query!(
    users,
    groups,
    user_groups,
    tokens,
    clients,
    client_usage,
    audit_log,
    sessions,
    login_networks,
    password_links,
    imported_users,
    meta
);
