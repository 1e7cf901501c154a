package main

import (
	"log/slog"

	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// serveConfig holds the flags of serve.
type serveConfig struct {
	server    server.Options
	registry  registry.Options
	store     memstore.Options
	record    recorder.Options
	auth      access
	profile   string // name or file
	stand     standIns
	keeping   keeping
	upstream  upstreams
	directory storeFlag
	adopt     bool
	content   contents
	faults    []string // files of rules, and known faults
	control   controls
	lint      clientLint
	output    outputs
	config    string             // file name
	targets   map[string]*target // output files by flag
	logFormat logFormat
	logLevel  slog.Level
}

// flags returns the table of the flags of serve. The usage documents defaults that are the zero
// value of an option.
func (c *serveConfig) flags() []flagGroup {
	return []flagGroup{
		{"Listening", []flagRow{
			{"addr", "`host:port` to listen on; port 0 is any free port, the default host is 127.0.0.1, host 0.0.0.0 is all addresses", &c.server.Addr},
			{"tls", "serve HTTPS, with certificates from a CA generated for this run", &c.server.TLS},
			{"http2", "offer HTTP/2 in addition to HTTP/1.1; implies --tls", &c.server.HTTP2},
			{"h2c", "accept HTTP/2 with prior knowledge in addition to HTTP/1.1, without TLS", &c.server.H2C},
			{"max-header", "refuse requests with a header above about this `size`: 431 (default 256KiB)", &c.server.Limits.MaxHeader},
			{"http2-max-streams", "maximum number of open streams of an HTTP/2 connection (default 250)", &c.server.Limits.MaxStreams},
			{"http2-stream-window", "`size` that a client may send on an HTTP/2 stream before it is read (default 1MiB)", &c.server.Limits.StreamWindow},
			{"http2-conn-window", "`size` that a client may send on an HTTP/2 connection before it is read (default 1MiB)", &c.server.Limits.ConnWindow},
			{"ca-file", "write the CA certificate to this `file`, in PEM form", (*fileName)(&c.output.caFile)},
			{"ready-file", "write the URL to this `file` when the registry is ready; may be a named pipe", (*fileName)(&c.output.readyFile)},
		}},
		{registryTitle, []flagRow{
			{"profile", "be like this real registry: a `name` that \"ocifake profiles\" lists, or a file", &c.profile},
			{"allow-sparse", "accept manifests and indexes whose references do not exist", &c.registry.AllowSparse},
			{"allow-unchecked", "accept any content as a manifest, without checking it", &c.registry.AllowUnchecked},
			{"allow-any-type", "accept manifests with any Content-Type, or without one", &c.registry.AllowAnyType},
			{"shared-blobs", "make the blobs of all repositories available in each repository", &c.registry.SharedBlobs},
			{"read-only", "refuse requests that change content: 403 DENIED", &c.registry.ReadOnly},
			{"no-delete", "refuse to delete blobs, manifests and tags: 405 UNSUPPORTED", &c.registry.NoDelete},
			{"immutable-tags", "refuse to move a tag to another manifest: 403 DENIED", &c.registry.ImmutableTags},
			{"no-referrers", "disable the referrers API: 404, and no OCI-Subject", &c.registry.NoReferrers},
			{"no-mount", "respond to every mount with an upload session: 202", &c.registry.NoMount},
			{"no-single-post", "respond to a POST of a whole blob with an upload session: 202", &c.registry.NoSinglePost},
			{"no-catalog", "disable /v2/_catalog: 404", &c.registry.NoCatalog},
			{"strict-accept", "respond with 404 if Accept does not contain the manifest's media type", &c.registry.StrictAccept},
			{"absolute-urls", "include scheme and host in Location and Link", &c.registry.AbsoluteURLs},
			{"trust-forwarded", "take scheme and host of URLs from the Forwarded or X-Forwarded-* headers of a proxy", &c.registry.TrustForwarded},
			{"page-size", "maximum number of entries in a page of a list (default 1000)", &c.registry.PageSize},
			{"chunk-min-length", "refuse chunks below this `size`, except for the last one: 416 (default none)", &c.registry.ChunkMinLength},
			{"max-manifest", "refuse manifests above this `size`: 413 (default 4MiB)", &c.registry.MaxManifest},
			{"max-tags", "maximum number of tag parameters in the PUT of a manifest: 414 (default 100)", &c.registry.MaxTags},
			{"warning", "send this `text` as Warning with every response; repeatable", &c.registry.Warnings},
		}},
		{"In front of another registry (default: none; excludes the flags of the registry and of content)", []flagRow{
			{"upstream", "forward requests to the registry at this `URL`, and rewrite its redirects, so that all blobs pass here", &c.upstream.url},
			{"upstream-ca", "also trust the CA certificates in this PEM `file` for the upstream", (*fileName)(&c.upstream.ca)},
			{"upstream-user", "log in to the upstream as `NAME[:PASSWORD]`, instead of passing on the credentials of clients; the password may be in OCIFAKE_UPSTREAM_PASSWORD", &c.upstream.login},
			{"upstream-docker-login", "log in with the credentials in Docker's config.json and its credential helpers", &c.upstream.docker},
			{"allow-host", "`host` that the upstream may redirect to although its address is loopback, private or link-local; repeatable", &c.upstream.allow},
		}},
		{"Authentication (default: none)", []flagRow{
			{"user", "require this `NAME[:PASSWORD]`; the user may do everything; the password may be in OCIFAKE_PASSWORD; repeatable (Basic)", &c.auth.users},
			{"bearer", "issue tokens for passwords, instead of passwords in every request (Bearer)", &c.auth.bearer},
			{"htpasswd", "require a password of this htpasswd `file`, with bcrypt hashes (Basic)", (*fileName)(&c.auth.htpasswd)},
			{"token-auth", "require tokens, for the users and rules in this YAML `file` (Bearer)", (*fileName)(&c.auth.token)},
			{"client-ca", "require client certificates from the CAs in this PEM `file`", (*fileName)(&c.auth.clientCA)},
			{"cert-login", "authenticate users by the common name of their client certificate, without a password", &c.auth.certs},
		}},
		{"Other hosts (default: none)", []flagRow{
			{"hosts", "stand in for these hosts, each like a profile or strict: docker.io=hub,ghcr.io; a forward proxy on the same port leads to them; repeatable", &c.stand.hosts},
			{"pass", "pass tunnels to this real host on, or to those below *.DOMAIN; the port is 443 or HOST:PORT; repeatable", &c.stand.passed},
			{"replay", "stand in for the hosts in this `directory`, which \"ocifake run --keep\" has written", (*fileName)(&c.keeping.replay)},
		}},
		{contentTitle, []flagRow{
			{"store", "keep the content in this directory, which is an OCI image layout; with REPO, for images that another program added without a repository", &c.directory},
			{"adopt", "allow changes of a layout of --store that ocifake did not make", &c.adopt},
			{"load", "load an OCI image layout or the output of docker save, from a directory or a tar; repeatable", &c.content.load},
			{"generate", "generate images, as in 'app:{v1..v9} layers=3 size=1MiB'; repeatable", &c.content.generate},
			{"max-bytes", "maximum total `size` of blobs, manifests and open uploads (default 4GiB)", &c.store.MaxBytes},
			{"max-uploads", "maximum number of open upload sessions (default 10000)", &c.store.MaxUploads},
			{"upload-ttl", "time after which an idle upload session expires; negative: never (default 1h)", &c.store.UploadTTL},
		}},
		{"Faults (default: none)", []flagRow{
			{"faults", "fail by the rules in this YAML `file`, read again whenever it changes, or by a fault known:NAME; repeatable", &c.faults},
			{"fault-names", "choose faults by name in references: HOST/fault/status-503/times-2/app:v1", &c.server.FaultNames},
		}},
		{"Output files", []flagRow{
			{"requests", "write each request to this `file` when it ends, as JSON Lines", (*fileName)(&c.output.requests)},
			{"har", "write all requests to this `file` at the end, as an HTTP Archive (HAR)", (*fileName)(&c.output.har)},
			{"transcript", "write a transcript of all requests to this `file` at the end, without values that vary between runs", (*fileName)(&c.output.transcript)},
			{"snapshot", "write all content to this `file` at the end, as a tar of an OCI image layout", (*fileName)(&c.output.snapshot)},
			{"max-record", "maximum `size` of the record of requests; the oldest are dropped (default 64MiB)", &c.record.MaxBytes},
		}},
		{"Judgement of clients (default: none)", []flagRow{
			{"lint", "judge clients by their requests at the end, and fail if a finding is an error; see \"ocifake lint\"", &c.lint.on},
			{"lint-ignore", "ignore the rule of this `RULE=REASON`; repeatable", &c.lint.ignore},
			{"lint-fail", "severities that are an error, separated by commas (default must,portability)", &c.lint.fail},
		}},
		{"Control API and page, at /_ocifake/ (default: for this machine only)", []flagRow{
			{"control-addr", "separate `host:port` for the control API", &c.control.addr},
			{"control-token", "require this `token`, and allow other machines", &c.control.token},
			{"no-control", "disable the control API and the page", &c.control.none},
		}},
		{"General", []flagRow{
			{"log-format", "format of the log on stderr, text or json", &c.logFormat},
			{"config", "read flags from this YAML `file`, as in 'page-size: 5'; the command line takes precedence", (*fileName)(&c.config)},
			{"log-level", "minimum `level` of the log: debug (a line for each request), info, warn or error", &c.logLevel},
		}},
	}
}
