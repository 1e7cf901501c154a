package recorder

import varint "encoding/binary"

// A finished exchange is kept as bytes in which the garbage collector finds no
// pointers. These are the pieces that they are made of.

func packUint(b []byte, n uint64) []byte { return varint.AppendUvarint(b, n) }

func packInt(b []byte, n int64) []byte { return varint.AppendVarint(b, n) }

func packText[T ~string](b []byte, s T) []byte {
	return append(packUint(b, uint64(len(s))), s...)
}

func packTexts(b []byte, list []string) []byte {
	b = packUint(b, uint64(len(list)))
	for _, s := range list {
		b = packText(b, s)
	}
	return b
}

// packPart packs s, of which it may be known that it stands in whole.
func packPart[T ~string](b []byte, s T, at int) []byte {
	b = packInt(b, int64(at))
	if at < 0 {
		return packText(b, s)
	}
	return packUint(b, uint64(len(s)))
}

// unpacker takes the pieces off the front of what was packed.
type unpacker struct {
	b     []byte
	known map[string]string // texts that were read; the same are read often
}

func (u *unpacker) uint() uint64 {
	n, size := varint.Uvarint(u.b)
	u.b = u.b[size:]
	return n
}

func (u *unpacker) int() int64 {
	n, size := varint.Varint(u.b)
	u.b = u.b[size:]
	return n
}

func (u *unpacker) text() string {
	n := u.uint()
	raw := u.b[:n]
	u.b = u.b[n:]
	s, ok := u.known[string(raw)]
	if !ok {
		s = string(raw)
		u.known[s] = s
	}
	return s
}

func (u *unpacker) texts() []string {
	n := u.uint()
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = u.text()
	}
	return list
}

func (u *unpacker) part(whole string) string {
	at := u.int()
	if at < 0 {
		return u.text()
	}
	return whole[at : uint64(at)+u.uint()]
}
