package clientenv

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"strconv"
	"time"
	"unicode/utf16"
)

// storePassword is the password of a trust store. It protects nothing: the certificates are public.
const storePassword = "changeit"

// trustStore returns the certificates, in DER form, as a file of Java's format JKS, which every
// version of Java reads. See sun.security.provider.JavaKeyStore in OpenJDK.
func trustStore(certificates [][]byte, made time.Time) []byte {
	const (
		magic   = 0xfeedfeed
		version = 2
		trusted = 2 // tag of an entry with a certificate only
	)
	var b bytes.Buffer
	number := func(n uint32) { b.Write(binary.BigEndian.AppendUint32(nil, n)) }
	text := func(s string) { // ASCII, which is the same in Java's modified UTF-8
		b.Write(binary.BigEndian.AppendUint16(nil, uint16(len(s))))
		b.WriteString(s)
	}
	number(magic)
	number(version)
	number(uint32(len(certificates)))
	for i, der := range certificates {
		number(trusted)
		text("ca-" + strconv.Itoa(i))
		b.Write(binary.BigEndian.AppendUint64(nil, uint64(made.UnixMilli())))
		text("X.509")
		number(uint32(len(der)))
		b.Write(der)
	}
	sum := sha1.New()
	for _, unit := range utf16.Encode([]rune(storePassword)) {
		sum.Write(binary.BigEndian.AppendUint16(nil, unit))
	}
	sum.Write([]byte("Mighty Aphrodite")) // of the format
	sum.Write(b.Bytes())
	return sum.Sum(b.Bytes())
}
