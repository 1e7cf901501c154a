package record

import "slices"

// Status matches exchanges answered with a status: "status=503", "status=4xx,5xx",
// where an x is any digit. "status=0" matches what is not answered yet, or never was.
func Status(patterns ...string) Filter {
	mustBeAll("status", patterns, checkStatus)
	patterns = slices.Clone(patterns)
	return on("status", OnAnswer, patterns, func(x *Exchange) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool { return matchStatus(pattern, x.Status) })
	})
}

// Code matches exchanges with an error code in the answer: "code=BLOB_UNKNOWN",
// "code=*_UNKNOWN".
func Code(patterns ...string) Filter {
	mustBeAll("code", patterns, checkCode)
	return onTexts("code", OnAnswer, patterns, func(x *Exchange) []string { return x.Codes })
}

// Faulted matches exchanges on which one of the named fault rules acted:
// "fault=flaky-cdn". Without a name, it matches those on which any rule acted:
// "faulted".
func Faulted(names ...string) Filter {
	if len(names) == 0 {
		return flag("faulted", OnEnd, func(x *Exchange) bool { return len(x.Faults) > 0 })
	}
	mustBeAll("fault", names, checkFault)
	return onTexts("fault", OnEnd, names, func(x *Exchange) []string { return x.Faults })
}

// Subject matches exchanges whose credentials name one of these users:
// "subject=ci-*". Without credentials, the user is empty: `subject=""`.
func Subject(patterns ...string) Filter {
	return onText("subject", OnAnswer, patterns, func(x *Exchange) string { return x.Subject })
}

// Open matches exchanges whose answer had not ended when the log was taken: "open".
func Open() Filter { return flag("open", OnEnd, func(x *Exchange) bool { return x.Open }) }

// Left matches exchanges that the client left before their end: "left".
func Left() Filter { return flag("left", OnEnd, func(x *Exchange) bool { return x.Left }) }

// Cut matches exchanges whose answer ended before it was complete: "cut".
func Cut() Filter { return flag("cut", OnEnd, func(x *Exchange) bool { return x.Cut }) }

// Since matches exchanges that began after a mark was set: "since=12".
func Since(mark Mark) Filter {
	return on("since", OnEnd, []string{formatUint(mark)}, func(x *Exchange) bool { return x.Seq > uint64(mark) })
}
