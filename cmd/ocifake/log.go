package main

import (
	"errors"
	"io"
	"log/slog"
)

// logFormat is the format of log lines, "text" or "json".
type logFormat string

func (f *logFormat) Type() string   { return "format" }
func (f *logFormat) String() string { return string(*f) }

func (f *logFormat) Set(s string) error {
	if s != "text" && s != "json" {
		return errors.New("want text or json")
	}
	*f = logFormat(s)
	return nil
}

func newLog(w io.Writer, format logFormat, level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
