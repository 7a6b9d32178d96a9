// Package redact takes secrets out of what is published before it is recorded, as nothing that has been recorded, sent and shown
// can be called back. Each is replaced by a mark that says what it was, such as "[redacted: GitHub token]".
//
// # What is found
//
// By their keys, at any depth, whatever their case and separators: passwords, secrets, tokens, API keys, cookies, session ids and
// the like. All below such a key counts as under it. A key is judged by its end: "dbPassword" names a secret, "tokenCount" and
// "passwordPolicy" do not. Numbers stay where the key may mean something else ("token": 512), and so do true, false, null and what only
// stands for a secret, such as "***" or "${TOKEN}".
//
// By their looks, in any text, keys of objects included: tokens that begin with letters their issuer has chosen, JWTs, bearer
// and basic credentials, private keys (also as base64 of the whole file), passwords and secret parameters in URLs, card numbers whose check
// digit is right, and what own rules say.
//
// By what stands before them in a text: values assigned to names of secrets (password=…, "apiKey": "…", --token …, <password>…), also
// where quotes and signs are escaped for JSON, HTML or a URL; the password in commands (curl -u user:…, mysql -p…, sshpass -p …,
// docker login -p …, echo … | docker login --password-stdin), in SQL (IDENTIFIED BY '…', PASSWORD '…'), and in a .netrc.
//
// # What is not found
//
// What nobody can tell from a hash, an id or a word without being told:
//
//   - a password in free prose ("my password is …", "she typed … instead of her name"), and one that is a plain word after a colon
//     with more words behind it ("password: banana, try again");
//   - a token of no known issuer under a key that means nothing, or in a sentence;
//   - a one-time code in a URL ("code=123456"), and a number that a sentence calls a PIN;
//   - what only its place makes a secret: VALUES ('bob', '…') in SQL, the last field of a .pgpass, an argument without a flag (AUTH …
//     of Redis, net use of Windows), a short flag of a program that is not known here;
//   - the hash of a password, where no key names it;
//   - in JSON that is itself in a text, what stands in a list or an object under a name ("password":["…"]);
//   - in JSON names and values that take turns in a list (rawHeaders of Node), but for flags of a command; and in JSON that is itself in a text,
//     a value with its name beside it ({"name":"DB_PASSWORD","value":…});
//   - a private key that is published line by line;
//   - what is compressed or encoded (base64 but for private keys and basic credentials, hexadecimal, escapes within escapes).
//
// For what is known of one's own programs there are own rules. testdata/independent_secrets.txt ends with examples of what is not found,
// and a test says when that changes.
//
// A name that means a secret hides what is none as well: in "auth: " and "session=" a value counts from 16 bytes with letters and
// digits, so that a class or a host with such a name goes too. JSON keys such as "token" hide all texts under them.
//
// # Promises
//
// JSON stays valid JSON, and all but the secrets stays byte for byte, escapes and spaces included. What has been redacted
// does not change when it is redacted again. An event without secrets is returned as it is, and costs no memory; about a microsecond
// for one of 200 bytes. Time is linear in the size of an event, whatever a stranger put into it.
//
// The id of a server, the type and the time of an event are left alone: they are what everything else refers to.
//
// A Redactor is immutable but for its counts, and all may use it at once.
package redact
