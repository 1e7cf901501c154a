// Package redact takes passwords, tokens, cookies and signatures out of headers, URLs
// and bodies, and reads the identity in credentials.
package redact
