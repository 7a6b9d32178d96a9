package redact

import (
	"bytes"
	"strings"
)

// strength says of which values a key makes secrets.
type strength uint8

const (
	harmless strength = iota
	timid             // long ones that look like nothing else: "auth" and "session" name many things
	normal            // texts; numbers stay, as in "token": 512
	strong            // texts and numbers
)

// verdict is what a key says of its value.
type verdict struct {
	kind kind
	how  strength
}

// phrase is an end of keys, in small letters and digits only.
type phrase struct {
	text  string
	loose bool // may begin in the middle of a word, as in "dbpassword"
	verdict
}

// phrases are found at the end of a key, the longest wins.
var phrases = func() (all []phrase) {
	add := func(k kind, how strength, loose bool, texts string) {
		for text := range strings.FieldsSeq(texts) {
			all = append(all, phrase{text, loose, verdict{k, how}})
		}
	}
	add(password, strong, true, "password passwords passwd passphrase passwort kennwort")
	add(password, strong, false, "pwd passcode")
	add(password, normal, false, "dbpass dbpw userpass smtppass mailpass emailpass adminpass rootpass mysqlpass pgpass postgrespass redispass ftppass ldappass mqttpass sudopass")
	add(password, timid, false, "pass pw")
	add(secret, strong, true, "secret secrets secretkey secretkeybase apisecret")
	add(secret, strong, false, "mnemonic seedphrase recoveryphrase otp otpcode totp totpcode mfacode twofactorcode onetimecode")
	add(token, normal, true, "token accesstokens refreshtokens authtokens apitokens")
	add(token, timid, false, "auth appkey csrf xsrf")
	add(token, timid, true, "sonarlogin")
	add(jwt, normal, false, "jwt")
	add(bearer, normal, false, "bearer")
	add(apiKey, normal, true, "apikey apikeys")
	add(accessKey, normal, true, "accesskey")
	add(awsSecret, strong, true, "secretaccesskey")
	add(privateKey, strong, true, "privatekey")
	add(key, normal, false, "encryptionkey decryptionkey signingkey masterkey sessionkey accountkey storagekey subscriptionkey licensekey hmackey authkey keymaterial pragmakey")
	add(authorization, normal, true, "authorization")
	add(cookie, normal, true, "setcookie")
	add(cookie, normal, false, "cookie cookies")
	add(sessionID, normal, true, "sessionid")
	add(sessionID, timid, false, "session sid")
	add(credentials, normal, true, "credential credentials")
	add(credentials, normal, false, "creds")
	add(cardCode, strong, false, "cvv cvc")
	return all
}()

// inQuery are names that mean secrets as parameters of URLs, and much else elsewhere.
var inQuery = map[string]verdict{
	"auth": {token, normal}, "sig": {key, normal}, "signature": {key, normal}, "xamzsignature": {key, normal}, "xgoogsignature": {key, normal},
	"ticket": {token, normal}, "session": {sessionID, normal}, "sid": {sessionID, normal}, "pass": {password, normal}, "pw": {password, normal},
	"key": {key, timid}, "code": {token, timid}, "hmac": {key, normal},
}

// tails say nothing: a password's old value is a password.
var tails = []string{"value", "string", "plain", "raw", "hash", "old", "new", "current", "confirm", "confirmation", "repeat", "again", "base64"}

// pointers stand before "token" where it marks a place or a piece of text.
var pointers = []string{"next", "page", "continuation", "cancellation", "stop", "eos", "bos", "pad", "unk"}

// passers stand before "pass" where it is a verb or a round, as in nginx's proxy_pass.
var passers = []string{"proxy", "fastcgi", "uwsgi", "scgi", "grpc", "memcached", "first", "second", "third", "last", "single", "multi", "low", "high", "band", "test", "tests"}

// keyTable finds the phrases by the last byte of a key.
type keyTable struct {
	phrases [256][]phrase
	tails   [256][]string
	except  map[string]bool // keys, folded
}

func newKeyTable(own []phrase, except map[string]bool) *keyTable {
	t := &keyTable{except: except}
	for _, list := range [][]phrase{phrases, own} {
		for _, p := range list {
			last := p.text[len(p.text)-1]
			t.phrases[last] = append(t.phrases[last], p)
		}
	}
	for _, w := range tails {
		last := w[len(w)-1]
		t.tails[last] = append(t.tails[last], w)
	}
	return t
}

const maxFolded = 64 // bytes of a key that count, its last ones

// folded is a key in small letters and digits, without what separates words, so that api_key, apiKey and API-Key are one.
type folded struct {
	b      [maxFolded]byte
	n      int
	starts uint64 // bit i: a word begins at b[i]
}

func fold(name []byte) (f folded) {
	if len(name) > maxFolded {
		name = name[len(name)-maxFolded:]
	}
	before := byte(0) // 'a' for a small letter, 'A' for a capital, '0' for a digit, 0 for the rest
	for i, c := range name {
		was := before
		switch {
		case 'a' <= c && c <= 'z':
			before = 'a'
		case 'A' <= c && c <= 'Z':
			before = 'A'
			c += 'a' - 'A'
		case '0' <= c && c <= '9':
			before = '0'
		default:
			before = 0
			continue
		}
		begins := was == 0 || (was == '0') != (before == '0')
		if before == 'A' && !begins { // apiKey; and in APIKey, the K
			begins = was == 'a' || i+1 < len(name) && 'a' <= name[i+1] && name[i+1] <= 'z'
		}
		if begins {
			f.starts |= 1 << f.n
		}
		f.b[f.n] = c
		f.n++
	}
	return f
}

// judge says what a key makes of its value.
func (t *keyTable) judge(name []byte) verdict {
	f := fold(name)
	return t.judgeFolded(&f)
}

func (t *keyTable) judgeFolded(f *folded) verdict {
	if f.n < 2 {
		return verdict{}
	}
	if len(t.except) > 0 && t.except[string(f.b[:f.n])] {
		return verdict{}
	}
	b := f.b[:f.n]
	if v := t.find(f, b); v.how != harmless {
		return v
	}
	cut := trimDigits(b)
	for range 2 {
		if len(cut) < 3 {
			return verdict{}
		}
		tail := ""
		for _, w := range t.tails[cut[len(cut)-1]] {
			if len(cut) > len(w) && string(cut[len(cut)-len(w):]) == w {
				tail = w
			}
		}
		if tail == "" {
			break
		}
		cut = trimDigits(cut[:len(cut)-len(tail)])
	}
	if len(cut) < 3 || len(cut) == len(b) {
		return verdict{}
	}
	return t.find(f, cut)
}

func (t *keyTable) find(f *folded, b []byte) (best verdict) {
	longest := 0
	last := len(b) - 1
	list := t.phrases[b[last]]
	for i := range list {
		p := &list[i]
		at := len(b) - len(p.text)
		if at < 0 || p.text[len(p.text)-2] != b[last-1] || p.text[0] != b[at] || len(p.text) <= longest || string(b[at:]) != p.text || !p.loose && f.starts>>at&1 == 0 {
			continue
		}
		if p.text == "token" && endsIn(b[:at], pointers) || p.text == "pass" && endsIn(b[:at], passers) {
			continue
		}
		best, longest = p.verdict, len(p.text)
	}
	return best
}

func endsIn(before []byte, words []string) bool {
	for _, w := range words {
		if bytes.HasSuffix(before, []byte(w)) {
			return true
		}
	}
	return false
}

func trimDigits(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] <= '9' {
		b = b[:len(b)-1]
	}
	return b
}

// judgeQuery is judge for a parameter of a URL.
func (t *keyTable) judgeQuery(name []byte) verdict {
	f := fold(name)
	v := t.judgeFolded(&f)
	if v.how > timid || t.except[string(f.b[:f.n])] {
		return v
	}
	if q, ok := inQuery[string(f.b[:f.n])]; ok {
		return q
	}
	return v
}

// isCardKey reports that a key speaks of payment cards, so that a number under it may be one.
func isCardKey(name []byte) bool {
	f := fold(name)
	b := f.b[:f.n]
	return bytes.Contains(b, []byte("card")) || string(b) == "pan" || string(b) == "cc" || bytes.Contains(b, []byte("ccnum"))
}
