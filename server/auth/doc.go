// Package auth knows who is asking and what they may see. It knows tokens, the keys they are signed with, who has been turned away
// since, and tickets that stand for a token for a moment; it knows no requests, which are for package web.
//
// # Tokens
//
// A token is a JSON Web Token that names its user ("sub"), what he may see ("servers" and "types", as a filter says it) and what he may
// do ("scope"). Who makes tokens is whoever holds the secret or the private key: `telltale token`, or somebody's sign-in service.
// [Guard.Check] makes a [Grant] of one, and the grant is all that the rest of the program ever asks about.
//
// The algorithm is the key's and never the token's: a secret verifies HS256, an RSA key RS256, a P-256 key ES256, an Ed25519 key
// EdDSA, and nothing else does. What a token says of itself is told to nobody before its signature has been verified.
//
// Clocks: "exp" is exact, to the second, and it is required. "nbf" and "iat" may be ahead of this machine's clock by [Leeway], as the
// clock of whoever signs may be.
//
// # Grants end
//
// A grant ends with its token, when it is revoked, and when the key that signed it is no longer among those that are taken. Whoever
// holds a stream open asks [Guard.Still] again whenever [Guard.Changed] says that something did, and ends the stream at [Grant.Expires].
//
// Revocations are kept as notes of the journal, so they outlive a restart and reach all instances; each Guard holds all of them in memory.
// Where notes or key sets can't be reached, what was known last stays in force.
//
// # Tickets
//
// Where a token should not stand in a URL a ticket can: a code that [Guard.NewTicket] gives to who has a token, and that
// [Guard.Redeem] takes once, soon after. Tickets lie in a [Vault] that sees neither them nor the tokens.
//
// # Concurrency
//
// All methods of a [Guard] may be called at once from any number of goroutines. [Guard.Run] reads keys and revocations; until it
// has, and where there is something to be read, Check answers that it can't tell yet. Check takes no lock and does no I/O, except that it
// waits for at most two seconds for keys that are being fetched because of a token with a key that is not known.
package auth
