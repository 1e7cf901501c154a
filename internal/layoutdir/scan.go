package layoutdir

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// maxLine is the maximum length of a line of the log. Annotations make the line of a manifest
// longer than the manifest.
const maxLine = 128 << 20

// SumLength is the length of the checksum before each record, and a space.
const SumLength = 9

// Scan calls f with the text of each record of a log, which is valid only during the call. It
// returns the offset after the last record. A last line that is not whole, which a crash can leave,
// is no record. Another line that is not whole is an error, as is one that f refuses.
func Scan(r io.Reader, f func(text []byte) error) (end int64, err error) {
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := readLine(lines)
		if err == io.EOF {
			return end, nil // without a newline
		}
		if err == nil {
			var text []byte
			if text, err = Unsum(line); err != nil {
				if _, after := lines.Peek(1); after == io.EOF {
					return end, nil
				}
			} else {
				err = f(text)
			}
		}
		if err != nil {
			return end, fmt.Errorf("%s: offset %d: %w", LogName, end, err)
		}
		end += int64(len(line))
	}
}

// readLine returns the next line with its newline.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err != bufio.ErrBufferFull {
		return line, err
	}
	var long bytes.Buffer
	for {
		long.Write(line)
		if long.Len() > maxLine {
			return nil, fmt.Errorf("a line exceeds %d bytes", maxLine)
		}
		if err != bufio.ErrBufferFull {
			return long.Bytes(), err
		}
		line, err = r.ReadSlice('\n')
	}
}

var errChecksum = errors.New("the record does not match its checksum: the file is damaged, or was edited")

// Unsum returns the text of a line, whose checksum must be right.
func Unsum(line []byte) ([]byte, error) {
	if len(line) <= SumLength || line[SumLength-1] != ' ' {
		return nil, errChecksum
	}
	text := line[SumLength : len(line)-1]
	var sum [4]byte
	binary.BigEndian.PutUint32(sum[:], Checksum(text))
	var want [SumLength - 1]byte
	if hex.Encode(want[:], sum[:]); !bytes.Equal(line[:SumLength-1], want[:]) {
		return nil, errChecksum
	}
	return text, nil
}
