package fidelity

import (
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Which header fields of an answer are compared, and in which form.
//
// Compared is what a client of the distribution API acts upon: what the specification names, what
// HTTP gives a meaning that registry clients use (conditions, ranges, redirects, caches, limits,
// methods), and what says which protocol the server speaks. A value is compared as it is, except for
// what differs from run to run: hosts, sessions, tokens, digests of random contents, dates and
// counts, for which placeholders stand.
//
// Ignored is what no such client acts upon. A field that is in neither table is compared by its
// name.

// headerRule is a header field that is compared. form brings a value to the form in which it is
// compared.
type headerRule struct {
	name string
	form func(n *names, value string) string
	why  string
}

// compared are the header fields that are compared.
var compared = []headerRule{
	{"Accept-Ranges", exact, "clients resume a download if the registry says that it can"},
	{"Allow", list, "RFC 9110, section 15.5.6: what the client may do instead"},
	{"Cache-Control", exact, "caches and proxies in front of a registry act upon it"},
	{"Content-Length", exact, "of contents only: clients check it before and after a pull; for other bodies see bodyLength"},
	{"Content-Range", exact, "answers to Range, and the state of an upload with some registries"},
	{"Content-Type", contentType, "clients choose a parser by it"},
	{"Docker-Content-Digest", (*names).text, "clients verify what they get and resolve tags by it"},
	{"Docker-Distribution-Api-Version", exact, "Docker clients take a server without it for no registry"},
	{"Docker-Upload-Uuid", session, "identifies a session"},
	{"Etag", entityTag, "conditional requests; compared by its form, which is a digest, another tag, weak or unquoted"},
	{"Expires", date, "caches act upon it"},
	{"Last-Modified", date, "conditional requests"},
	{"Link", link, "the next page"},
	{"Location", location, "clients follow it"},
	{"Oci-Chunk-Min-Length", exact, "distribution-spec, \"Pushing a blob in chunks\""},
	{"Oci-Filters-Applied", exact, "distribution-spec, \"Listing referrers\""},
	{"Oci-Subject", (*names).text, "distribution-spec, \"Pushing manifests with subject\""},
	{"Oci-Tag", list, "distribution-spec, main branch: tags that a push has set"},
	{"Range", exact, "the state of an upload"},
	{"Retry-After", number, "clients wait as long"},
	{"Warning", exact, "distribution-spec, \"Warnings\""},
	{"Www-Authenticate", challenges, "where clients get tokens, and for what"},
}

// rateLimits are header fields of many names that tell the client how many requests are left.
var rateLimits = headerRule{"RateLimit", present, "clients slow down; which limit is told, and how much is left, depends on the load"}

// ignored are the header fields that are not compared, by the reason.
var ignored = []struct {
	why   string
	names []string // "X-Goog-*" are all that begin with "X-Goog-"
}{
	{"of the connection, and what HTTP adds to every answer", []string{"Connection", "Date", "Keep-Alive", "Transfer-Encoding"}},
	{"the name and version of a server, its edition and host", []string{"Server", "X-Powered-By", "Keygen-*", "X-Artifactory-Node-Id", "X-Jfrog-Version"}},
	{"content delivery networks and proxies", []string{"Age", "Alt-Svc", "Cf-*", "Via", "X-Cache", "X-Served-By", "X-Amz-Cf-*"}},
	{"tracing: identifiers of a request", []string{"X-Request-Id", "X-Ms-Client-Request-Id", "X-Ms-Correlation-Request-Id", "X-Ms-Request-Id"}},
	{"for browsers, which no client of the API is", []string{"Access-Control-*", "Content-Disposition", "Content-Security-Policy", "Cross-Origin-*",
		"Page-Title", "Referrer-Policy", "Strict-Transport-Security", "X-Content-Type-Options", "X-Download-Options", "X-Frame-Options",
		"X-Permitted-Cross-Domain-Policies", "X-Ua-Compatible", "X-Xss-Protection"}},
	{"set by web frameworks for every answer: no client negotiates by these fields", []string{"Pragma", "Vary"}},
	{"of the storage behind the registry, which clients of the API do not know", []string{"Cs-Request-Delay-Seconds", "X-Amz-*",
		"X-Artifactory-*", "X-Checksum-*", "X-Content-Length", "X-Goog-*", "X-Ms-Blob-*", "X-Ms-Copy-*", "X-Ms-Creation-Time", "X-Ms-Lease-*",
		"X-Ms-Server-Encrypted", "X-Ms-Version", "X-Region"}},
}

// ruleOf returns the rule for a header field, and whether a table has the field.
func ruleOf(name string) (rule headerRule, compare, known bool) {
	if i := slices.IndexFunc(compared, func(r headerRule) bool { return r.name == name }); i >= 0 {
		return compared[i], true, true
	}
	if strings.Contains(strings.ToLower(name), "ratelimit") {
		return rateLimits, true, true
	}
	for _, group := range ignored {
		for _, pattern := range group.names {
			start, open := strings.CutSuffix(pattern, "*")
			if pattern == name || open && strings.HasPrefix(name, start) {
				return headerRule{}, false, true
			}
		}
	}
	return headerRule{name: name, form: present}, true, false
}

// headers returns the header of an answer in the form in which it is compared.
func (n *names) headers(h http.Header) map[string]string {
	forms := map[string]string{}
	for name, values := range h {
		name = http.CanonicalHeaderKey(name)
		if rule, compare, _ := ruleOf(name); compare {
			forms[name] = rule.form(n, strings.Join(values, ", "))
		}
	}
	return forms
}

// present compares the name only.
func present(*names, string) string { return "<value>" }

func exact(_ *names, value string) string { return value }

// list is a list whose order has no meaning.
func list(_ *names, value string) string {
	words := strings.FieldsFunc(value, func(c rune) bool { return c == ',' || c == ' ' })
	slices.Sort(words)
	return strings.Join(words, ", ")
}

func contentType(_ *names, value string) string {
	t, parameters, err := mime.ParseMediaType(value)
	if err != nil {
		return value
	}
	for name, text := range parameters {
		parameters[name] = strings.ToLower(text)
	}
	if parameters["boundary"] != "" { // it is random
		parameters["boundary"] = "boundary"
	}
	return mime.FormatMediaType(t, parameters)
}

func session(*names, string) string { return "<session>" }

func date(_ *names, value string) string {
	if _, err := http.ParseTime(value); err != nil {
		return value
	}
	return "<date>"
}

// entityTag keeps a tag that is a digest, and the form of others.
func entityTag(n *names, value string) string {
	weak, tag := "", value
	if rest, ok := strings.CutPrefix(value, "W/"); ok {
		weak, tag = "W/", rest
	}
	if text := n.text(tag); text != tag {
		return weak + text
	}
	if strings.HasPrefix(tag, `"`) {
		return weak + `"<tag>"`
	}
	return weak + "<tag>"
}

var numbers = regexp.MustCompile(`[0-9]+(\.[0-9]+)?`)

func number(_ *names, value string) string { return numbers.ReplaceAllString(value, "<n>") }

// location is a URL without the identifier and the state of an upload session.
func location(n *names, value string) string {
	value = n.text(value)
	start, rest, ok := strings.Cut(value, "/blobs/uploads/")
	if !ok || strings.HasPrefix(rest, "<") && !strings.HasPrefix(rest, "<uuid>") {
		return sortQuery(value)
	}
	_, query, _ := strings.Cut(rest, "?")
	value = start + "/blobs/uploads/<session>"
	separator := "?"
	for _, part := range strings.Split(query, "&") {
		name, text, ok := strings.Cut(part, "=")
		if !ok {
			continue
		}
		if text != "true" && text != "false" {
			text = "<value>"
		}
		value += separator + name + "=" + text
		separator = "&"
	}
	return sortQuery(value)
}

// link is the URL of the next page, and what it is.
func link(n *names, value string) string {
	value = n.text(value)
	at := strings.LastIndex(value, ">;")
	if at < 0 {
		return value
	}
	return sortQuery(value[:at]) + value[at:]
}

// sortQuery sorts the parameters of a URL, whose order has no meaning.
func sortQuery(target string) string {
	path, query, ok := strings.Cut(target, "?")
	if !ok {
		return target
	}
	parts := strings.Split(query, "&")
	slices.Sort(parts)
	return path + "?" + strings.Join(parts, "&")
}

// challenges is WWW-Authenticate. The realm of a token service is compared without its host,
// because a token service on a test's registry is on the registry's own.
func challenges(n *names, value string) string {
	var forms []string
	for _, c := range parseChallenges(value) {
		form := c.scheme
		for _, p := range c.parameters {
			text := p.value
			switch p.name {
			case "realm":
				if u, err := url.Parse(text); err == nil && u.Host != "" {
					text = "<origin>" + u.EscapedPath()
				}
			case "scope":
				text = n.scope(text)
			}
			form += " " + p.name + "=" + n.text(text)
		}
		forms = append(forms, form)
	}
	return strings.Join(forms, ", ")
}

// scope sorts the actions of a scope: some registries list them in a random order.
func (n *names) scope(value string) string {
	scopes := strings.Fields(value)
	for i, s := range scopes {
		if at := strings.LastIndex(s, ":"); at >= 0 {
			actions := strings.Split(s[at+1:], ",")
			slices.Sort(actions)
			scopes[i] = s[:at+1] + strings.Join(actions, ",")
		}
	}
	return strings.Join(scopes, " ")
}
