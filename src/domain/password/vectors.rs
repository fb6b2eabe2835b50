//! Test vectors: hashes from Django 4.2, the last version that has all of the old hashers, and malformed hashes.

use super::{Argon2Cost, HashFault, HashPolicy, Password, PasswordHash, Verdict, Workspace, verify};

const POLICY: HashPolicy = HashPolicy {
    cost: Argon2Cost { memory_kib: 64, iterations: 1, parallelism: 1 },
    legacy: false,
    max_memory_kib: u32::MAX,
};
const LEGACY: HashPolicy = HashPolicy { legacy: true, ..POLICY };

const LONG: &str = "01234567890123456789012345678901234567890123456789012345678901234567890123456789";
const UNICODE: &str = "päss wörd € 😀";

/// Passwords and hashes.
const GOOD: &[(&str, &str)] = &[
    ("correct horse", "pbkdf2_sha256$1000$NaCl1234NaCl1234NaCl12$RfC9FKkxGYOZGPlOLm+bImN3XqWRWj+XH3Z0O+45Pns="),
    ("correct horse", "pbkdf2_sha1$1000$NaCl1234NaCl1234NaCl12$+iom3F247ZHli780/FyCpW9xUjw="),
    (
        "correct horse",
        "scrypt$16384$NaCl1234NaCl1234NaCl12$8$5$eFQy+PmcPhDZq9QQZqRRRLfqcJkIzliGZbCVSUzNpiOjQmodCqUodga1CEaCJSiQy94YStwI+19ayefUm+YUbQ==",
    ),
    (
        "correct horse",
        "argon2$argon2id$v=19$m=1024,t=2,p=1$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$zXMtVvz1qwbWN58DZkyiRbh9WHmDeBz74r/dSfwE29w",
    ),
    ("correct horse", "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuuIvyWZlBcE3WoQXKqRnwrLYJ6nenE0Bq"),
    ("correct horse", "bcrypt$$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"),
    ("correct horse", "pbkdf2_sha256$1000$oldsalt12chr$nz7nAD0AQhh1UqSxnd2Z9UnpZ125GixRAQu5u429lJ0="),
    ("correct horse", "pbkdf2_sha1$1000$oldsalt12chr$eXsF8+KEXF0d2uaBenNie4n/vNA="),
    (
        "correct horse",
        "scrypt$1024$NaCl1234NaCl1234NaCl12$8$1$e7R+JzW1IcsqZUXsSVbvYoenhdpHtFQOJVKPIPSASOyWdZW4ALTkxlGVBgnnDtVgiC2TmAKOWevYCQ1mQFHqWQ==",
    ),
    ("correct horse", "bcrypt_sha256$$2b$04$Q2CaBCQBN5fRukH3Ko2zlOWgUqn5lezQiMw4gLJoqCadt0L3Iq71."),
    ("correct horse", "bcrypt$$2b$04$5Cm1xeLIVFHMikgvtvTAWepEIHY07.CMevpNJbgkWxppveGxH3M5q"),
    ("correct horse", "argon2$argon2i$v=16$m=512,t=2,p=2$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$wq0u3kGg6fjq12xnpRSJHQ"),
    (
        "correct horse",
        "argon2$argon2i$v=19$m=512,t=2,p=2$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$OymAJOvWiiJXDZDDJYJcxAgsFc8Y/pzJ/kpx9aavFXI",
    ),
    ("correct horse", "argon2$argon2id$v=16$m=512,t=2,p=2$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$xlkiB22N+mHq5/vvkwSy5w"),
    (
        "correct horse",
        "argon2$argon2id$v=19$m=512,t=2,p=2$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$pRk44MNhke1+LoxnI9ruj6nVyYg2lz1VTXR/w/3JazE",
    ),
    (
        "correct horse",
        "argon2$argon2d$v=19$m=512,t=2,p=2$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$V5zxzVKmFj1SJUKIMWxeGpnnFQlOBAooLjLl2TZNQkg",
    ),
    (UNICODE, "pbkdf2_sha256$1000$oldsalt12chr$APAiyz+jhlgWAzVgdmCuN2p2aVaNdjbpxvg3Q1FEB3o="),
    (UNICODE, "pbkdf2_sha1$1000$oldsalt12chr$ud2kmR2NFIctHElQhh2bnk11DBY="),
    (
        UNICODE,
        "scrypt$1024$NaCl1234NaCl1234NaCl12$8$1$pY0ySWxLyyxIVRds3+5BfIlQL18+JavoYXKwvyWLYhBebOh8W2Ah1VI5WKGgTeb2iFW/S12iRdRyh0Jjs9383A==",
    ),
    (UNICODE, "bcrypt_sha256$$2b$04$hmpEwfhJW9JSGcg5ysFZFu0yOtqbtJYXpknKmn25e0cWhuZqnjAoq"),
    (UNICODE, "bcrypt$$2b$04$zghEpAcf9EXt8f00RtbZF.e.QBw92yGt4/5Kr/Z1S8NI0EwT/zXS6"),
    (UNICODE, "argon2$argon2i$v=16$m=512,t=2,p=2$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$w+wkGNa0GOlicJzzt9vAzA"),
    (
        UNICODE,
        "argon2$argon2i$v=19$m=512,t=2,p=2$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$snLtAIvm1Avc8AA+j1oVba0L4qtx8ocAatcn9uUo1xU",
    ),
    (UNICODE, "argon2$argon2id$v=16$m=512,t=2,p=2$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$Are5o1e6OUQIS7BoxtCVSQ"),
    (
        UNICODE,
        "argon2$argon2id$v=19$m=512,t=2,p=2$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$+LoC7cGK19ZQxxmQF1KxCx88+JhcgjNj15nf11dCBws",
    ),
    (
        UNICODE,
        "argon2$argon2d$v=19$m=512,t=2,p=2$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$ethctywlV5GRsCj1YejxzajzDv9KLcC1YPflb97BeZI",
    ),
    (LONG, "pbkdf2_sha256$1000$oldsalt12chr$isA1sYms8hsq/Xg28yZbglW69Mb+SmcthYf35Yg+pA0="),
    (LONG, "pbkdf2_sha1$1000$oldsalt12chr$n2dGM7UPnMe5yN1ixGoTHqLlFzQ="),
    (
        LONG,
        "scrypt$1024$NaCl1234NaCl1234NaCl12$8$1$LiDsXX+aL/rpNjT2/RfGFkG7t8NfH0InYQO7RA1LtUHf4j3ju2jeV/wZD+OLZ5BWJ9OPBYw36vwAMR26dJoBwg==",
    ),
    (LONG, "bcrypt_sha256$$2b$04$OZbYUWvZP.vFwNVBRNbC8.eY95QCzUfx6Xh/Ja3qZltcZlUZ.6A5i"),
    (LONG, "bcrypt$$2b$04$TWLpw3jjbm8uUW5GRJVa6uqDC.jLFsn9rJAfaeDEm6vZuUhCB6n86"),
    (LONG, "argon2$argon2i$v=16$m=512,t=2,p=2$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$+ffOI8wqYf6Vr7lmh0emzw"),
    (
        LONG,
        "argon2$argon2i$v=19$m=512,t=2,p=2$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$mjHxl2mvzlbdVtrZLQXwtU7DvrJIsn+1SiPpacAyo3Q",
    ),
    (LONG, "argon2$argon2id$v=16$m=512,t=2,p=2$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$xpXqvHF0vZdFdhe93We3Qg"),
    (
        LONG,
        "argon2$argon2id$v=19$m=512,t=2,p=2$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$k5FvNhY4cYELzJNHqn2FFE6XcdYwWqVvp682/Ny1v8E",
    ),
    (
        LONG,
        "argon2$argon2d$v=19$m=512,t=2,p=2$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$lWyYWZthFQBoA7l5ljzfSJfdEq00vOm6eaEy/DU8Y44",
    ),
    ("correct horse", "pbkdf2_sha256$1000$sälz$mENorIXq3umxFVOyg1k2ygYEROW7ogMZei8H8iEmNTg="),
    ("correct horse", "bcrypt$$2a$04$VgGJtbJd4GGzVlwopy1wF.wpNkxhoJICFzg2/LfRhfU7WC0SNPEmW"),
    (
        "correct horse",
        "scrypt$2$NaCl1234NaCl1234NaCl12$1$3$Sg8cWQ8+dAW+0Hr1s12Z+j8doTKBs5YUqQT0RpQrfTdflVvAkrT43djaeNDLPWdD1xIz7DY/RWt8DTCrDpGjIg==",
    ),
    ("correct horse", "pbkdf2_sha256$1000$sälz$mENorIXq3umxFVOyg1k2ygYEROW7ogMZei8H8iEmNTg="),
    ("correct horse", "bcrypt$$2a$04$TGayoaPwkADc8MqK4Jm/7eqMa31bPofkOfOKFxd2UiEbYSkgfIrae"),
    (
        "correct horse",
        "scrypt$2$NaCl1234NaCl1234NaCl12$1$3$Sg8cWQ8+dAW+0Hr1s12Z+j8doTKBs5YUqQT0RpQrfTdflVvAkrT43djaeNDLPWdD1xIz7DY/RWt8DTCrDpGjIg==",
    ),
    ("", "pbkdf2_sha256$1000$NaCl1234NaCl1234NaCl12$Zt4Ie5JM6GCpdmvi4lWe3dj9jM+oj3EbUiVVcMdZzfI="),
    ("", "bcrypt$$2b$04$SadmQKnPK2Bn1ut5Ux8gIuOx9VnXEH9JSOaAYgaEQwygc0Q2p/07q"),
];

/// Passwords and hashes of the formats that are too fast to protect a password.
const OLDEST: &[(&str, &str)] = &[
    ("correct horse", "md5$oldsalt12chr$c6ec64b8b3957e377403f92be3ec3f10"),
    ("correct horse", "sha1$oldsalt12chr$c2b2dc3de7f63395efcf7e5a1fc17dbb595c20c7"),
    ("correct horse", "3cb4e732631f47e6eb961f34554b7cde"),
    ("correct horse", "sha1$$2f9e53523b62abc141a2b4d6019d23cba835dbd0"),
    ("correct horse", "md5$$3cb4e732631f47e6eb961f34554b7cde"),
    (UNICODE, "md5$oldsalt12chr$1f16e5273305cbfb4fce7e83beccb16c"),
    (UNICODE, "sha1$oldsalt12chr$5a0846473c242857ad5837772ae1b42b992ec90a"),
    (UNICODE, "58bd4e63a7590ac853efbfa5a06dbe13"),
    (UNICODE, "sha1$$b1730ff4f2b389bbce610d6b945d26ef9de3ecbc"),
    (UNICODE, "md5$$58bd4e63a7590ac853efbfa5a06dbe13"),
    (LONG, "md5$oldsalt12chr$67ad4b017d4ca85b579ee565c0cdfb78"),
    (LONG, "sha1$oldsalt12chr$e255502a781647244a1f63d0bf664ef268056294"),
    (LONG, "0faef1f4cb01d560d59016a2d5e91da6"),
    (LONG, "sha1$$db9d100073836c9651690af5a74192fe6af1a2b6"),
    (LONG, "md5$$0faef1f4cb01d560d59016a2d5e91da6"),
];

/// Hashes that no password can be checked against, and the reason.
const BAD: &[(&str, HashFault)] = &[
    ("x", HashFault::Unknown),
    ("rot13$x$y", HashFault::Unknown),
    ("$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", HashFault::Unknown),
    ("$scrypt$ln=4,r=8,p=1$c29tZXNhbHQ$c29tZXNhbHQ", HashFault::Unknown),
    ("PBKDF2_SHA256$1000$salt$RfC9FKkxGYOZGPlOLm+bImN3XqWRWj+XH3Z0O+45Pns=", HashFault::Unknown),
    ("pbkdf2_sha256", HashFault::Unknown),
    ("3cb4e732631f47e6eb961f34554b7cdg", HashFault::Unknown),
    ("argon2", HashFault::Unknown),
    ("argon2i", HashFault::Unknown),
    ("$argon2id$", HashFault::Corrupt("argon2")),
    ("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ", HashFault::Corrupt("argon2")),
    (
        "$argon2id$v=19$m=0,t=1,p=1$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$zXMtVvz1qwbWN58DZkyiRbh9WHmDeBz74r/dSfwE29w",
        HashFault::Corrupt("argon2"),
    ),
    (
        "$argon2id$v=19$m=64,t=0,p=1$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$zXMtVvz1qwbWN58DZkyiRbh9WHmDeBz74r/dSfwE29w",
        HashFault::Corrupt("argon2"),
    ),
    (
        "$argon2id$v=19$m=64,t=1,p=9$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$zXMtVvz1qwbWN58DZkyiRbh9WHmDeBz74r/dSfwE29w",
        HashFault::Corrupt("argon2"),
    ),
    (
        "$argon2id$v=20$m=64,t=1,p=1$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$zXMtVvz1qwbWN58DZkyiRbh9WHmDeBz74r/dSfwE29w",
        HashFault::Corrupt("argon2"),
    ),
    ("$argon2id$v=19$m=64,t=1,p=1$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$zXMtVvz1!", HashFault::Corrupt("argon2")),
    (
        "$argon2x$v=19$m=64,t=1,p=1$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$zXMtVvz1qwbWN58DZkyiRbh9WHmDeBz74r/dSfwE29w",
        HashFault::Corrupt("argon2"),
    ),
    (
        "$argon2id$v=19$m=4194304,t=1,p=1$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$zXMtVvz1qwbWN58DZkyiRbh9WHmDeBz74r/dSfwE29w",
        HashFault::TooCostly("argon2"),
    ),
    (
        "$argon2id$v=19$m=64,t=4294967295,p=1$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$zXMtVvz1qwbWN58DZkyiRbh9WHmDeBz74r/dSfwE29w",
        HashFault::TooCostly("argon2"),
    ),
    ("argon2$", HashFault::Corrupt("argon2")),
    ("argon2$argon2id$v=19$m=1024,t=2,p=1$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg", HashFault::Corrupt("argon2")),
    (
        "argon2$argon2id$v=19$m=262145,t=2,p=1$TmFDbDEyMzROYUNsMTIzNE5hQ2wxMg$zXMtVvz1qwbWN58DZkyiRbh9WHmDeBz74r/dSfwE29w",
        HashFault::TooCostly("argon2"),
    ),
    ("pbkdf2_sha256$", HashFault::Corrupt("pbkdf2_sha256")),
    ("pbkdf2_sha256$1$s", HashFault::Corrupt("pbkdf2_sha256")),
    ("pbkdf2_sha256$0$salt$RfC9FKkxGYOZGPlOLm+bImN3XqWRWj+XH3Z0O+45Pns=", HashFault::Corrupt("pbkdf2_sha256")),
    ("pbkdf2_sha256$-1$salt$RfC9FKkxGYOZGPlOLm+bImN3XqWRWj+XH3Z0O+45Pns=", HashFault::Corrupt("pbkdf2_sha256")),
    ("pbkdf2_sha256$+1$salt$RfC9FKkxGYOZGPlOLm+bImN3XqWRWj+XH3Z0O+45Pns=", HashFault::Corrupt("pbkdf2_sha256")),
    ("pbkdf2_sha256$$salt$RfC9FKkxGYOZGPlOLm+bImN3XqWRWj+XH3Z0O+45Pns=", HashFault::Corrupt("pbkdf2_sha256")),
    ("pbkdf2_sha256$1000$$RfC9FKkxGYOZGPlOLm+bImN3XqWRWj+XH3Z0O+45Pns=", HashFault::Corrupt("pbkdf2_sha256")),
    ("pbkdf2_sha256$1000$salt$RfC9FKkxGYOZGPlOLm+bImN3XqWRWj+XH3Z0O+45Pns", HashFault::Corrupt("pbkdf2_sha256")),
    ("pbkdf2_sha256$1000$salt$RfC9FKkxGYOZGPlOLm+bImN3XqWRWj+XH3Z0O+45Pns=$", HashFault::Corrupt("pbkdf2_sha256")),
    ("pbkdf2_sha256$1000$salt$é", HashFault::Corrupt("pbkdf2_sha256")),
    ("pbkdf2_sha256$1000$salt$+iom3F247ZHli780/FyCpW9xUjw=", HashFault::Corrupt("pbkdf2_sha256")),
    ("pbkdf2_sha256$10000001$salt$RfC9FKkxGYOZGPlOLm+bImN3XqWRWj+XH3Z0O+45Pns=", HashFault::TooCostly("pbkdf2_sha256")),
    (
        "pbkdf2_sha256$99999999999999999999999$salt$RfC9FKkxGYOZGPlOLm+bImN3XqWRWj+XH3Z0O+45Pns=",
        HashFault::TooCostly("pbkdf2_sha256"),
    ),
    ("pbkdf2_sha1$1000$salt$RfC9FKkxGYOZGPlOLm+bImN3XqWRWj+XH3Z0O+45Pns=", HashFault::Corrupt("pbkdf2_sha1")),
    ("bcrypt$", HashFault::Corrupt("bcrypt")),
    ("bcrypt$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", HashFault::Corrupt("bcrypt")),
    ("bcrypt$$2x$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", HashFault::Corrupt("bcrypt")),
    ("bcrypt$$2b$4$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", HashFault::Corrupt("bcrypt")),
    ("bcrypt$$2b$00$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", HashFault::Corrupt("bcrypt")),
    ("bcrypt$$2b$03$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", HashFault::Corrupt("bcrypt")),
    ("bcrypt$$2b$17$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", HashFault::TooCostly("bcrypt")),
    ("bcrypt$$2b$31$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", HashFault::TooCostly("bcrypt")),
    ("bcrypt$$2b$99$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", HashFault::Corrupt("bcrypt")),
    ("bcrypt$$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6", HashFault::Corrupt("bcrypt")),
    ("bcrypt$$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6ee", HashFault::Corrupt("bcrypt")),
    ("bcrypt$$2b$04$abcdefghijklmnopqrstéujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", HashFault::Corrupt("bcrypt")),
    ("bcrypt_sha256$$2b$04$short", HashFault::Corrupt("bcrypt_sha256")),
    ("scrypt$", HashFault::Corrupt("scrypt")),
    ("scrypt$16384$salt$8$5$RfC9FKkxGYOZGPlOLm+bImN3XqWRWj+XH3Z0O+45Pns=", HashFault::Corrupt("scrypt")),
    (
        "scrypt$1000$salt$8$1$Sg8cWQ8+dAW+0Hr1s12Z+j8doTKBs5YUqQT0RpQrfTdflVvAkrT43djaeNDLPWdD1xIz7DY/RWt8DTCrDpGjIg==",
        HashFault::Corrupt("scrypt"),
    ),
    (
        "scrypt$0$salt$8$1$Sg8cWQ8+dAW+0Hr1s12Z+j8doTKBs5YUqQT0RpQrfTdflVvAkrT43djaeNDLPWdD1xIz7DY/RWt8DTCrDpGjIg==",
        HashFault::Corrupt("scrypt"),
    ),
    (
        "scrypt$1$salt$8$1$Sg8cWQ8+dAW+0Hr1s12Z+j8doTKBs5YUqQT0RpQrfTdflVvAkrT43djaeNDLPWdD1xIz7DY/RWt8DTCrDpGjIg==",
        HashFault::Corrupt("scrypt"),
    ),
    (
        "scrypt$1024$$8$1$Sg8cWQ8+dAW+0Hr1s12Z+j8doTKBs5YUqQT0RpQrfTdflVvAkrT43djaeNDLPWdD1xIz7DY/RWt8DTCrDpGjIg==",
        HashFault::Corrupt("scrypt"),
    ),
    (
        "scrypt$1024$salt$0$1$Sg8cWQ8+dAW+0Hr1s12Z+j8doTKBs5YUqQT0RpQrfTdflVvAkrT43djaeNDLPWdD1xIz7DY/RWt8DTCrDpGjIg==",
        HashFault::Corrupt("scrypt"),
    ),
    (
        "scrypt$1024$salt$8$0$Sg8cWQ8+dAW+0Hr1s12Z+j8doTKBs5YUqQT0RpQrfTdflVvAkrT43djaeNDLPWdD1xIz7DY/RWt8DTCrDpGjIg==",
        HashFault::Corrupt("scrypt"),
    ),
    (
        "scrypt$1024$salt$8$x$Sg8cWQ8+dAW+0Hr1s12Z+j8doTKBs5YUqQT0RpQrfTdflVvAkrT43djaeNDLPWdD1xIz7DY/RWt8DTCrDpGjIg==",
        HashFault::Corrupt("scrypt"),
    ),
    (
        "scrypt$1048576$salt$8$1$Sg8cWQ8+dAW+0Hr1s12Z+j8doTKBs5YUqQT0RpQrfTdflVvAkrT43djaeNDLPWdD1xIz7DY/RWt8DTCrDpGjIg==",
        HashFault::TooCostly("scrypt"),
    ),
    (
        "scrypt$2$salt$4294967295$1$Sg8cWQ8+dAW+0Hr1s12Z+j8doTKBs5YUqQT0RpQrfTdflVvAkrT43djaeNDLPWdD1xIz7DY/RWt8DTCrDpGjIg==",
        HashFault::TooCostly("scrypt"),
    ),
    (
        "scrypt$2$salt$65536$65536$Sg8cWQ8+dAW+0Hr1s12Z+j8doTKBs5YUqQT0RpQrfTdflVvAkrT43djaeNDLPWdD1xIz7DY/RWt8DTCrDpGjIg==",
        HashFault::TooCostly("scrypt"),
    ),
    (
        "scrypt$2$salt$1$4294967296$Sg8cWQ8+dAW+0Hr1s12Z+j8doTKBs5YUqQT0RpQrfTdflVvAkrT43djaeNDLPWdD1xIz7DY/RWt8DTCrDpGjIg==",
        HashFault::TooCostly("scrypt"),
    ),
    (
        "scrypt$131072$salt$8$64$Sg8cWQ8+dAW+0Hr1s12Z+j8doTKBs5YUqQT0RpQrfTdflVvAkrT43djaeNDLPWdD1xIz7DY/RWt8DTCrDpGjIg==",
        HashFault::TooCostly("scrypt"),
    ),
    (
        "scrypt$18446744073709551616$salt$8$1$Sg8cWQ8+dAW+0Hr1s12Z+j8doTKBs5YUqQT0RpQrfTdflVvAkrT43djaeNDLPWdD1xIz7DY/RWt8DTCrDpGjIg==",
        HashFault::TooCostly("scrypt"),
    ),
    (
        "scrypt$9223372036854775808$salt$2$2$Sg8cWQ8+dAW+0Hr1s12Z+j8doTKBs5YUqQT0RpQrfTdflVvAkrT43djaeNDLPWdD1xIz7DY/RWt8DTCrDpGjIg==",
        HashFault::TooCostly("scrypt"),
    ),
    ("md5$", HashFault::Corrupt("md5")),
    ("md5$salt$c6ec64b8b3957e377403f92be3ec3f1", HashFault::Corrupt("md5")),
    ("md5$salt$c6ec64b8b3957e377403f92be3ec3f10$", HashFault::Corrupt("md5")),
    ("sha1$salt", HashFault::Corrupt("sha1")),
    ("sha1$$c6ec64b8b3957e377403f92be3ec3f10", HashFault::Corrupt("sha1")),
];

fn verdict(stored: &str, password: &str, policy: HashPolicy) -> Verdict {
    let stored = PasswordHash::from_stored(stored.into());
    verify(&stored, &Password::new(password.into()), policy, &mut Workspace::default())
}

#[test]
fn hashes_of_django_verify_and_count_as_outdated() {
    for (password, stored) in GOOD {
        assert_eq!(PasswordHash::from_stored((*stored).into()).check(), Ok(()), "{stored}");
        assert_eq!(verdict(stored, password, POLICY), Verdict::GoodButOutdated, "{stored}");
        for wrong in [" ", "correct horsf", "Correct horse", "pass word € 😀"] {
            assert_eq!(verdict(stored, wrong, POLICY), Verdict::Wrong, "{wrong}: {stored}");
        }
        for cut in [stored.len() - 1, stored.len() / 2].into_iter().filter(|cut| stored.is_char_boundary(*cut)) {
            let verdict = verdict(&stored[..cut], password, POLICY);
            assert!(
                matches!(verdict, Verdict::Wrong | Verdict::RefusedAtOnce(Some(_))),
                "{verdict:?}: {stored} at {cut}"
            );
        }
    }
}

#[test]
fn only_bcrypt_ignores_what_follows_72_bytes() {
    for (_, stored) in GOOD.iter().filter(|(password, _)| *password == LONG) {
        let expected = if stored.starts_with("bcrypt$") { Verdict::GoodButOutdated } else { Verdict::Wrong };
        assert_eq!(verdict(stored, &LONG[..72], POLICY), expected, "{stored}");
        assert_eq!(verdict(stored, &LONG[..71], POLICY), Verdict::Wrong, "{stored}");
    }
}

#[test]
fn the_oldest_formats_count_only_where_they_are_allowed() {
    for (password, stored) in OLDEST {
        let name = if stored.starts_with("sha1") { "sha1" } else { "md5" };
        let hash = PasswordHash::from_stored((*stored).into());
        assert!(hash.check().is_ok() && hash.is_legacy(), "{stored}");
        assert_eq!(verdict(stored, password, LEGACY), Verdict::GoodButOutdated, "{stored}");
        assert_eq!(verdict(stored, "wrong", LEGACY), Verdict::RefusedAtOnce(None), "{stored}");
        let refused = Verdict::RefusedAtOnce(Some(HashFault::NotAllowed(name)));
        assert_eq!(verdict(stored, password, POLICY), refused, "{stored}");
    }
    assert!(GOOD.iter().all(|(_, stored)| !PasswordHash::from_stored((*stored).into()).is_legacy()));
}

#[test]
fn malformed_hashes_match_no_password() {
    for stored in ["", "!", "!x", "!pbkdf2_sha256$1000$oldsalt12chr$nz7nAD0AQhh1UqSxnd2Z9UnpZ125GixRAQu5u429lJ0="] {
        for password in ["", "!", "!x", "correct horse", stored] {
            assert_eq!(verdict(stored, password, LEGACY), Verdict::RefusedAtOnce(None), "{stored}");
        }
    }
    for (stored, fault) in BAD {
        assert_eq!(PasswordHash::from_stored((*stored).into()).check(), Err(*fault), "{stored}");
        for password in ["", "correct horse", stored] {
            assert_eq!(verdict(stored, password, LEGACY), Verdict::RefusedAtOnce(Some(*fault)), "{stored}");
        }
        assert!(!fault.to_string().contains('$'), "{fault}");
    }
}
