// Package page tests the page of the control API in a real browser: Chromium,
// without a window. The tests drive requests with real clients and look at what the
// page shows of them.
//
// Without Chromium they are skipped. With OCIFAKE_SCREENSHOTS they leave pictures in
// that directory.
package page
