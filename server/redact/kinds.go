package redact

// A kind is what a secret is; its name stands in the mark that replaces it. Those of own rules follow the last of these.
type kind uint8

const (
	none kind = iota
	password
	secret
	token
	apiKey
	accessKey
	key
	authorization
	cookie
	sessionID
	credentials
	cardCode
	cardNumber
	privateKey
	jwt
	bearer
	basic
	awsID
	awsSecret
	github
	gitlab
	slack
	slackHook
	discordHook
	stripe
	stripeHook
	google
	googleToken
	npm
	pypi
	sendgrid
	openAI
	anthropic
	huggingFace
	digitalOcean
	shopify
	vault
	age
	groq
	xAI
	perplexity
	replicate
	openRouter
	square
	databricks
	linear
	notion
	atlassian
	newRelic
	grafana
	sentry
	supabase
	planetScale
	terraform
	pulumi
	docker
	rubyGems
	crates
	tailscale
	postman
	figma
	alibaba
	razorpay
	facebook
	heroku
	vercel
	onePassword
	twilio
	mailgun
	doppler
	telegram
	mailchimp
	azure
	builtin // how many there are
)

var kindNames = [builtin]string{
	password: "password", secret: "secret", token: "token", apiKey: "API key", accessKey: "access key", key: "key",
	authorization: "authorization", cookie: "cookie", sessionID: "session id", credentials: "credentials",
	cardCode: "card security code", cardNumber: "card number", privateKey: "private key", jwt: "JWT", bearer: "bearer token",
	basic: "basic credentials", awsID: "AWS access key id", awsSecret: "AWS secret key", github: "GitHub token", gitlab: "GitLab token",
	slack: "Slack token", slackHook: "Slack webhook", discordHook: "Discord webhook", stripe: "Stripe key", stripeHook: "Stripe webhook secret",
	google: "Google API key", googleToken: "Google token", npm: "npm token", pypi: "PyPI token", sendgrid: "SendGrid key",
	openAI: "OpenAI key", anthropic: "Anthropic key", huggingFace: "Hugging Face token", digitalOcean: "DigitalOcean token",
	shopify: "Shopify token", vault: "Vault token", age: "age key",
	groq: "Groq key", xAI: "xAI key", perplexity: "Perplexity key", replicate: "Replicate token", openRouter: "OpenRouter key",
	square: "Square token", databricks: "Databricks token", linear: "Linear key", notion: "Notion token", atlassian: "Atlassian token",
	newRelic: "New Relic key", grafana: "Grafana token", sentry: "Sentry token", supabase: "Supabase token", planetScale: "PlanetScale token",
	terraform: "Terraform token", pulumi: "Pulumi token", docker: "Docker token", rubyGems: "RubyGems key", crates: "crates.io token",
	tailscale: "Tailscale key", postman: "Postman key", figma: "Figma token", alibaba: "Alibaba access key", razorpay: "Razorpay key",
	facebook: "Facebook token", heroku: "Heroku token", vercel: "Vercel token", onePassword: "1Password token", twilio: "Twilio key",
	mailgun: "Mailgun key", doppler: "Doppler token", telegram: "Telegram token", mailchimp: "Mailchimp key", azure: "Azure client secret",
}

// The mark of a kind is markFrom, its name, markTo.
const (
	markFrom = "[redacted: "
	markTo   = ']'
	maxName  = 60 // bytes of a kind's name
)
