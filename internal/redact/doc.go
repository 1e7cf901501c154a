// Package redact replaces passwords, tokens, cookies and signatures in headers, URLs and bodies by
// placeholders, and reads the identity in credentials.
//
// A placeholder is
//
//	[redacted:KIND:FINGERPRINT]
//
// KIND is "password", "token" or "secret", and follows from where the secret is. FINGERPRINT is
// 16 hexadecimal digits that depend on the secret and on the key of the [Redactor] only: the first
// 64 bits of HMAC-SHA256. A Redactor without a key writes "[redacted]". In the user information of a
// URL, which must not have brackets, the placeholder is percent-encoded, so that it is the user of
// that URL. Text that is redacted keeps its placeholders if it is redacted again.
package redact
