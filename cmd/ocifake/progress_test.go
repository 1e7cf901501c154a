package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var terminal bytes.Buffer
		sent, stop := progressOn(&terminal, "loading app.tar", 4<<20)
		for range 3 {
			_, _ = sent.Write(make([]byte, 1<<20))
			time.Sleep(700 * time.Millisecond)
		}
		stop()
		assert.Equal(t, "\rloading app.tar: 2.0 MiB of 4.0 MiB, 50%\x1b[K\rloading app.tar: 3.0 MiB of 4.0 MiB, 75%\x1b[K\r\x1b[K", terminal.String())
	})
}

func TestProgressOfUnknownSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var terminal bytes.Buffer
		sent, stop := progressOn(&terminal, "loading -", 0)
		_, _ = sent.Write(make([]byte, 1500))
		time.Sleep(1100 * time.Millisecond)
		stop()
		assert.Equal(t, "\rloading -: 1.5 KiB\x1b[K\r\x1b[K", terminal.String())
	})
}

// What takes less than a second, or is on no terminal, is done silently.
func TestProgressOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var terminal bytes.Buffer
		_, stop := progressOn(&terminal, "loading app.tar", 1)
		stop()
		assert.Empty(t, terminal.String())
	})
	var file strings.Builder
	sent, stop := showProgress(&file, "loading app.tar", 1)
	_, _ = sent.Write([]byte("content"))
	stop()
	assert.Empty(t, file.String())
}
