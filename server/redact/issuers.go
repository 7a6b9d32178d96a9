package redact

var (
	digitSet  = setOf(digits)
	smallHex  = setOf(digits + "abcdef")
	hexDashed = setOf(digits + "abcdef-")
	sentrySet = setOf(lower + upper + digits + "+/=_")
	azureSet  = setOf(lower + upper + digits + "_-.~")
)

// issued tokens begin with letters that say whose they are. That is what makes them safe to find.
type prefix struct {
	text     string
	kind     kind
	of       *set
	min, max int  // bytes after text; max 0: no bound
	mixed    bool // and it must have capitals, small letters and digits, as the beginning says little
	back     int  // letters and digits before text that belong to it too
}

var prefixes = []prefix{
	{text: "AKIA", kind: awsID, of: capitals, min: 16, max: 16},
	{text: "ASIA", kind: awsID, of: capitals, min: 16, max: 16},
	{text: "ABIA", kind: awsID, of: capitals, min: 16, max: 16},
	{text: "ACCA", kind: awsID, of: capitals, min: 16, max: 16},
	{text: "ghp_", kind: github, of: alnum, min: 36},
	{text: "gho_", kind: github, of: alnum, min: 36},
	{text: "ghu_", kind: github, of: alnum, min: 36},
	{text: "ghs_", kind: github, of: alnum, min: 36},
	{text: "ghr_", kind: github, of: alnum, min: 36},
	{text: "github_pat_", kind: github, of: isWord, min: 36},
	{text: "glpat-", kind: gitlab, of: urlSafe, min: 20},
	{text: "gldt-", kind: gitlab, of: urlSafe, min: 20},
	{text: "glrt-", kind: gitlab, of: urlSafe, min: 20},
	{text: "xoxb-", kind: slack, of: urlSafe, min: 20},
	{text: "xoxp-", kind: slack, of: urlSafe, min: 20},
	{text: "xoxa-", kind: slack, of: urlSafe, min: 20},
	{text: "xoxr-", kind: slack, of: urlSafe, min: 20},
	{text: "xoxs-", kind: slack, of: urlSafe, min: 20},
	{text: "xoxo-", kind: slack, of: urlSafe, min: 20, mixed: true},
	{text: "xoxe-", kind: slack, of: urlSafe, min: 20},
	{text: "xoxe.", kind: slack, of: tokenSet, min: 20},
	{text: "xapp-", kind: slack, of: urlSafe, min: 20, mixed: true},
	{text: "hooks.slack.com/", kind: slackHook, of: pathSet, min: 30},
	{text: "discord.com/api/webhooks/", kind: discordHook, of: pathSet, min: 40},
	{text: "discordapp.com/api/webhooks/", kind: discordHook, of: pathSet, min: 40},
	{text: "sk_live_", kind: stripe, of: alnum, min: 16},
	{text: "rk_live_", kind: stripe, of: alnum, min: 16},
	{text: "sk_test_", kind: stripe, of: alnum, min: 16},
	{text: "rk_test_", kind: stripe, of: alnum, min: 16},
	{text: "whsec_", kind: stripeHook, of: base64Set, min: 24},
	{text: "AIza", kind: google, of: urlSafe, min: 35, max: 35},
	{text: "ya29.", kind: googleToken, of: urlSafe, min: 20},
	{text: "GOCSPX-", kind: googleToken, of: urlSafe, min: 20},
	{text: "npm_", kind: npm, of: alnum, min: 36, max: 36},
	{text: "pypi-AgE", kind: pypi, of: urlSafe, min: 40},
	{text: "SG.", kind: sendgrid, of: tokenSet, min: 60, max: 70, mixed: true},
	{text: "sk-ant-", kind: anthropic, of: urlSafe, min: 20, mixed: true},
	{text: "sk-", kind: openAI, of: urlSafe, min: 32, mixed: true},
	{text: "hf_", kind: huggingFace, of: alnum, min: 34, max: 40, mixed: false},
	{text: "dop_v1_", kind: digitalOcean, of: hexDigits, min: 64, max: 64},
	{text: "doo_v1_", kind: digitalOcean, of: hexDigits, min: 64, max: 64},
	{text: "dor_v1_", kind: digitalOcean, of: hexDigits, min: 64, max: 64},
	{text: "shpat_", kind: shopify, of: hexDigits, min: 32, max: 32},
	{text: "shpca_", kind: shopify, of: hexDigits, min: 32, max: 32},
	{text: "shppa_", kind: shopify, of: hexDigits, min: 32, max: 32},
	{text: "shpss_", kind: shopify, of: hexDigits, min: 32, max: 32},
	{text: "hvs.", kind: vault, of: urlSafe, min: 24, mixed: true},
	{text: "hvb.", kind: vault, of: urlSafe, min: 24, mixed: true},
	{text: "AGE-SECRET-KEY-1", kind: age, of: capitals, min: 58, max: 58},
	{text: "glcbt-", kind: gitlab, of: urlSafe, min: 20},
	{text: "glptt-", kind: gitlab, of: urlSafe, min: 20},
	{text: "glft-", kind: gitlab, of: urlSafe, min: 20},
	{text: "glsoat-", kind: gitlab, of: urlSafe, min: 20},
	{text: "gloas-", kind: gitlab, of: urlSafe, min: 20},
	{text: "gsk_", kind: groq, of: alnum, min: 40, mixed: true},
	{text: "xai-", kind: xAI, of: alnum, min: 60, mixed: true},
	{text: "pplx-", kind: perplexity, of: alnum, min: 40, mixed: true},
	{text: "r8_", kind: replicate, of: alnum, min: 37, max: 40, mixed: true},
	{text: "sk-or-v1-", kind: openRouter, of: hexDigits, min: 64, max: 64},
	{text: "sq0csp-", kind: square, of: urlSafe, min: 40},
	{text: "sq0atp-", kind: square, of: urlSafe, min: 22},
	{text: "dapi", kind: databricks, of: hexDigits, min: 32, max: 32},
	{text: "lin_api_", kind: linear, of: alnum, min: 40, max: 48},
	{text: "ntn_", kind: notion, of: alnum, min: 40, mixed: true},
	{text: "ATATT3", kind: atlassian, of: tokenSet, min: 100},
	{text: "ATBB", kind: atlassian, of: alnum, min: 32, max: 36, mixed: true},
	{text: "NRAK-", kind: newRelic, of: capitals, min: 27, max: 27},
	{text: "glsa_", kind: grafana, of: isWord, min: 38},
	{text: "glc_ey", kind: grafana, of: base64Set, min: 30},
	{text: "sntrys_ey", kind: sentry, of: sentrySet, min: 40},
	{text: "sntryu_", kind: sentry, of: hexDigits, min: 64, max: 64},
	{text: "sbp_", kind: supabase, of: hexDigits, min: 40, max: 40},
	{text: "pscale_pw_", kind: planetScale, of: urlSafe, min: 32},
	{text: "pscale_tkn_", kind: planetScale, of: urlSafe, min: 32},
	{text: "atlasv1.", kind: terraform, of: urlSafe, min: 60, back: 15},
	{text: "pul-", kind: pulumi, of: hexDigits, min: 40, max: 40},
	{text: "dckr_pat_", kind: docker, of: urlSafe, min: 24},
	{text: "dckr_oat_", kind: docker, of: urlSafe, min: 24},
	{text: "rubygems_", kind: rubyGems, of: hexDigits, min: 48, max: 48},
	{text: "cio", kind: crates, of: alnum, min: 32, max: 32, mixed: true},
	{text: "tskey-", kind: tailscale, of: urlSafe, min: 30, mixed: true},
	{text: "PMAK-", kind: postman, of: hexDashed, min: 59, max: 59},
	{text: "figd_", kind: figma, of: urlSafe, min: 38},
	{text: "LTAI", kind: alibaba, of: alnum, min: 12, max: 26, mixed: true},
	{text: "rzp_live_", kind: razorpay, of: alnum, min: 14, max: 14},
	{text: "EAACEdEose0cBA", kind: facebook, of: alnum, min: 20},
	{text: "EAA", kind: facebook, of: alnum, min: 100, mixed: true},
	{text: "HRKU-", kind: heroku, of: urlSafe, min: 36},
	{text: "vcp_", kind: vercel, of: alnum, min: 40, mixed: true},
	{text: "ops_eyJ", kind: onePassword, of: urlSafe, min: 100},
	{text: "ops_ey", kind: onePassword, of: urlSafe, min: 100, mixed: true},
	{text: "SK", kind: twilio, of: smallHex, min: 32, max: 32},
	{text: "key-", kind: mailgun, of: smallHex, min: 32, max: 32},
	{text: "1//0", kind: googleToken, of: urlSafe, min: 38, mixed: true},
	{text: "dp.pt.", kind: doppler, of: alnum, min: 40, max: 44},
	{text: "dp.st.", kind: doppler, of: tokenSet, min: 40, max: 80},
}

// byFirst are the prefixes by their first byte.
var byFirst = func() (t [256][]prefix) {
	for _, p := range prefixes {
		t[p.text[0]] = append(t[p.text[0]], p)
	}
	return t
}()

// tokenAt returns the issued token that begins with the word at b[i], or, as it may be, some letters before; end is 0 where there
// is none.
func tokenAt(b []byte, i int) (from, end int, k kind) {
	if !mayBegin(b, i) {
		return 0, 0, none
	}
	rest := b[i:]
	for j := range byFirst[b[i]] {
		p := &byFirst[b[i]][j]
		if len(rest) < len(p.text)+p.min || rest[1] != p.text[1] || string(rest[:len(p.text)]) != p.text {
			continue
		}
		rest := rest[len(p.text):]
		limit := len(rest)
		if p.max > 0 {
			limit = p.max + 1
		}
		n := p.of.run(rest, limit)
		if n < p.min || p.max > 0 && n > p.max || p.mixed && !isMixed(rest[:n]) {
			continue
		}
		for from = i; from > 0 && i-from < p.back && (alnum[b[from-1]] || b[from-1] == '.'); {
			from--
		}
		return from, i + len(p.text) + n, p.kind
	}
	return 0, 0, none
}

// Some tokens are known by what stands in the middle of them.

// telegramAt returns the token 1234567890:AA… around the ':' at b[i].
func telegramAt(b []byte, i int) (from, to int, k kind) {
	if i+2 >= len(b) || b[i+1] != 'A' || b[i+2] != 'A' {
		return 0, 0, none
	}
	if from = runBack(digitSet, b, i, 11); i-from >= 8 && i-from <= 10 {
		if n := urlSafe.run(b[i+1:], 40); n == 35 {
			return from, i + 1 + n, telegram
		}
	}
	return 0, 0, none
}

// mailchimpAt returns the key …-us12 around the '-' at b[i].
func mailchimpAt(b []byte, i int) (from, to int, k kind) {
	if i+3 >= len(b) || b[i+1] != 'u' || b[i+2] != 's' {
		return 0, 0, none
	}
	if n := digitSet.run(b[i+3:], 3); n == 1 || n == 2 {
		if from = runBack(smallHex, b, i, 33); i-from == 32 {
			return from, i + 3 + n, mailchimp
		}
	}
	return 0, 0, none
}

// azureAt returns the client secret abc8Q~… around the '~' at b[i].
func azureAt(b []byte, i int) (from, to int, k kind) {
	if i < 5 || b[i-1] != 'Q' || !isDigit(b[i-2]) {
		return 0, 0, none
	}
	from = runBack(azureSet, b, i, 6)
	if n := azureSet.run(b[i+1:], 40); i-from == 5 && n >= 31 && n <= 35 {
		return from, i + 1 + n, azure
	}
	return 0, 0, none
}

// runBack returns where the bytes of the set begin that end before b[i], at most max of them.
func runBack(s *set, b []byte, i, max int) int {
	from := i
	for from > 0 && i-from < max && s[b[from-1]] {
		from--
	}
	return from
}

// isMixed looks at as much of a token as there need be, so that it is cheap where it says no.
func isMixed(b []byte) bool {
	var up, low, digit bool
	for _, c := range b[:min(len(b), 256)] {
		up, low, digit = up || isUpper(c), low || isLower(c), digit || isDigit(c)
	}
	return up && low && digit
}
