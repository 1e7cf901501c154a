package main

import (
	"log/slog"

	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// serveConfig is what the flags of serve say.
type serveConfig struct {
	server    server.Options
	registry  registry.Options
	store     memstore.Options
	record    recorder.Options
	auth      access
	content   contents
	faults    []string // files of rules
	control   controls
	output    outputs
	config    string             // file
	targets   map[string]*target // the files of output, by flag
	logFormat logFormat
	logLevel  slog.Level
}

// flags is the table of the flags of serve. Defaults that the zero value of an
// option stands for are in the usage only.
func (c *serveConfig) flags() []flagGroup {
	return []flagGroup{
		{"Listening", []flagRow{
			{"addr", "`host:port` to listen on; port 0 is any free one, no host 127.0.0.1, 0.0.0.0 every address", &c.server.Addr},
			{"tls", "serve HTTPS, with certificates of an authority made for this run", &c.server.TLS},
			{"http2", "offer HTTP/2 beside HTTP/1.1; implies --tls", &c.server.HTTP2},
			{"h2c", "accept HTTP/2 with prior knowledge beside HTTP/1.1, in the clear", &c.server.H2C},
			{"ca-file", "write the authority's certificate into this `file`, in PEM form", &c.output.caFile},
			{"ready-file", "write the URL into this `file` once it is served; a named pipe will do", &c.output.readyFile},
		}},
		{"Registry (strict, with every optional feature on, unless told otherwise)", []flagRow{
			{"allow-sparse", "accept manifests and indexes whose references do not exist", &c.registry.AllowSparse},
			{"allow-unchecked", "accept any content as a manifest, whatever it refers to", &c.registry.AllowUnchecked},
			{"allow-any-type", "accept manifests with any Content-Type, or without one", &c.registry.AllowAnyType},
			{"shared-blobs", "show the blobs of all repositories in each of them", &c.registry.SharedBlobs},
			{"read-only", "refuse whatever changes content: 403 DENIED", &c.registry.ReadOnly},
			{"no-delete", "refuse to delete blobs, manifests and tags: 405 UNSUPPORTED", &c.registry.NoDelete},
			{"immutable-tags", "refuse to move a tag to another manifest: 403 DENIED", &c.registry.ImmutableTags},
			{"no-referrers", "have no referrers API: 404, and no OCI-Subject", &c.registry.NoReferrers},
			{"no-mount", "answer every mount with an upload session: 202", &c.registry.NoMount},
			{"no-single-post", "answer a POST of a whole blob with an upload session: 202", &c.registry.NoSinglePost},
			{"no-catalog", "have no /v2/_catalog: 404", &c.registry.NoCatalog},
			{"strict-accept", "answer 404 if a manifest's media type is not in Accept", &c.registry.StrictAccept},
			{"absolute-urls", "put scheme and host into Location and Link", &c.registry.AbsoluteURLs},
			{"trust-forwarded", "take what URLs begin with from the Forwarded or X-Forwarded-* headers of a proxy", &c.registry.TrustForwarded},
			{"page-size", "entries in an answer of a list, at most (default 1000)", &c.registry.PageSize},
			{"chunk-min-length", "refuse chunks below this `size`, other than the last: 416 (default none)", &c.registry.ChunkMinLength},
			{"max-manifest", "refuse manifests above this `size`: 413 (default 4MiB)", &c.registry.MaxManifest},
			{"max-tags", "tag parameters of a manifest's PUT, at most: 414 (default 100)", &c.registry.MaxTags},
			{"warning", "send this `text` as Warning with every answer; repeatable", &c.registry.Warnings},
		}},
		{"Who may do what (everybody everything, unless told otherwise)", []flagRow{
			{"user", "`NAME:PASSWORD` of a user to ask for, who may do everything; repeatable (Basic)", &c.auth.users},
			{"bearer", "give users tokens for their password, rather than ask for it each time (Bearer)", &c.auth.bearer},
			{"htpasswd", "ask for the passwords in this htpasswd `file`, with bcrypt hashes (Basic)", &c.auth.htpasswd},
			{"token-auth", "ask for tokens that are given to the users in this YAML `file`, by its rules (Bearer)", &c.auth.token},
			{"client-ca", "demand client certificates of the authorities in this PEM `file`", &c.auth.clientCA},
			{"cert-login", "take the common name of a client certificate as the user, who then needs no password", &c.auth.certs},
		}},
		{"Content (in memory, gone when ocifake is stopped)", []flagRow{
			{"load", "load an OCI image layout or what docker save writes, a directory or a tar; repeatable", &c.content.load},
			{"generate", "make images: references, with braces, and what they are like, as in 'app:{v1..v9} layers=3 size=1MiB'; repeatable", &c.content.generate},
			{"max-bytes", "`size` of all blobs, manifests and open uploads together (default 4GiB)", &c.store.MaxBytes},
			{"max-uploads", "upload sessions open at a time (default 10000)", &c.store.MaxUploads},
			{"upload-ttl", "time after which an idle upload session expires; negative: never (default 1h)", &c.store.UploadTTL},
		}},
		{"Faults (none, unless told otherwise)", []flagRow{
			{"faults", "fail by the rules in this YAML `file`, read again whenever it changes, or by a fault known:NAME; repeatable", &c.faults},
			{"fault-names", "choose faults by name in references: HOST/fault/status-503/times-2/app:v1", &c.server.FaultNames},
		}},
		{"What is left when it ends", []flagRow{
			{"requests", "write each request when it has ended into this `file`, as JSON Lines", &c.output.requests},
			{"har", "write all requests into this `file`, as an HTTP Archive", &c.output.har},
			{"transcript", "write what was said into this `file`, as text that is the same each time", &c.output.transcript},
			{"snapshot", "write all content into this `file`, as a tar of an OCI image layout", &c.output.snapshot},
			{"max-record", "`size` of the requests that are remembered; the oldest are forgotten (default 64MiB)", &c.record.MaxBytes},
		}},
		{"Control API and page, at /_ocifake/ (for this machine only, unless told otherwise)", []flagRow{
			{"control-addr", "`host:port` to serve it on, rather than that of the registry", &c.control.addr},
			{"control-token", "`token` to ask for; with it, other machines may come too", &c.control.token},
			{"no-control", "have none", &c.control.none},
		}},
		{"This command", []flagRow{
			{"log-format", "text or json, to stderr", &c.logFormat},
			{"config", "read flags from this YAML `file`, as in 'page-size: 5'; those given here win", &c.config},
			{"log-level", "least `level` to log: debug (a line for each request), info, warn or error", &c.logLevel},
		}},
	}
}
