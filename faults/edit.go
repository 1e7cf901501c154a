package faults

import (
	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/jsonedit"
)

// Edit is an effect that edits the body of the registry's answer. Content-Length is that of the
// edited body; for a wrong one, put [SetHeader] before the edit. Docker-Content-Digest and ETag
// stay as the registry sent them, so that the body does not match its digest, unless the edit is
// WithDigest. The answer to HEAD stays as it is.
//
// An edit acts on errors too: to leave them out, use [record.Status] in the rule.
//
// The body is held until it is complete. An edit does not act, and its rule does not fire, if the
// body does not change, if it or the edited body is larger than 4 MiB, or if the answer is a part
// of the content (206).
//
// [SetField], [DropField] and [RenameField] edit JSON, and do not act on other bodies. All that
// they do not edit keeps its bytes: the order of fields, white space, and long numbers. Their path
// consists of names of fields and indexes of elements, from 0, with dots between them. "*" stands
// for all fields or all elements. A backslash before a dot, an asterisk or a backslash makes it
// part of a name. A path has at most 32 parts.
//
//	expires_in
//	tags.0
//	manifests.*.artifactType
//	annotations.org\.opencontainers\.image\.created
type Edit struct{ does effect.Edit }

// SetField sets fields of the JSON body to a value, which must marshal to JSON. If an object does
// not have the field that the last part of the path names, it is added.
//
//	faults.On(op.Token).Do(faults.SetField("expires_in", "300"))
//	faults.On(op.TagList).Do(faults.SetField("tags", nil))
func SetField(path string, value any) Edit {
	text, err := jsonedit.Marshal(value)
	return Edit{effect.Edit{How: effect.SettingField, EditArgs: effect.EditArgs{Path: path, Value: text}, Err: err}}
}

// DropField removes fields of the JSON body, or elements of a list.
func DropField(path string) Edit {
	return Edit{effect.Edit{How: effect.DroppingField, EditArgs: effect.EditArgs{Path: path}}}
}

// RenameField renames fields of the JSON body. The new name is not a path: a dot in it is a dot.
// If the object has a field with this name, it then has two.
func RenameField(path, name string) Edit {
	return Edit{effect.Edit{How: effect.RenamingField, EditArgs: effect.EditArgs{Path: path, To: name}}}
}

// ReplaceText replaces a text each time that the body has it. The body need not be JSON.
func ReplaceText(old, new string) Edit {
	return Edit{effect.Edit{How: effect.ReplacingText, EditArgs: effect.EditArgs{Old: old, New: new}}}
}

// WithDigest makes Docker-Content-Digest and ETag, if the answer has them, those of the edited
// body.
func (e Edit) WithDigest() Edit {
	e.does.Digest = true
	return e
}

func (e Edit) behaviour() effect.Behaviour { return e.does }
