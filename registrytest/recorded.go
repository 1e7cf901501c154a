package registrytest

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"sort"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// recorded are the registries that assertions are about: one, or those on a network.
// The requests to several are numbered anew, in the order in which they began, as are
// their connections.
type recorded []*Registry

// neighbours returns the registries on the registry's network, or itself alone.
func (r *Registry) neighbours() recorded {
	if r.network == nil {
		return recorded{r}
	}
	return r.network.all()
}

// requests returns the requests that all filters mean, once their answers have
// settled; and all requests, or nil if there is one registry, as its numbers stay.
func (rs recorded) requests(filters []record.Filter) (meant, all record.Log) {
	if len(rs) == 1 {
		return rs[0].Requests(filters...), nil
	}
	settled := make([]record.Log, len(rs))
	for i, r := range rs {
		settled[i] = r.Requests(filters...)
	}
	return rs.merge(settled)
}

// now is requests without waiting for anything.
func (rs recorded) now(filters []record.Filter) (meant, all record.Log) {
	if len(rs) == 1 {
		return rs[0].recorder.Log(filters...), nil
	}
	logs := make([]record.Log, len(rs))
	for i, r := range rs {
		logs[i] = r.recorder.Log(filters...)
	}
	return rs.merge(logs)
}

// whole returns all requests, which are given for several registries.
func (rs recorded) whole(all record.Log) record.Log {
	if len(rs) == 1 {
		return rs[0].recorder.Log()
	}
	return all
}

// merge puts the selected requests, and all those on record, into one log each.
func (rs recorded) merge(meant []record.Log) (merged, all record.Log) {
	type from struct {
		registry int
		record.Exchange
	}
	var list []from
	wanted := make([]map[uint64]int, len(rs)) // indexes in meant, by number
	for i, r := range rs {
		wanted[i] = map[uint64]int{}
		for k := range meant[i] {
			wanted[i][meant[i][k].Seq] = k
		}
		for _, x := range r.recorder.Log() {
			list = append(list, from{i, x})
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].Start.Before(list[j].Start) })
	conns := map[[2]uint64]uint64{{}: 0}
	for i, x := range list {
		conn := [2]uint64{uint64(x.registry), x.Conn}
		if x.Conn != 0 && conns[conn] == 0 {
			conns[conn] = uint64(len(conns))
		}
		k, isMeant := wanted[x.registry][x.Seq]
		number := func(x record.Exchange) record.Exchange {
			x.Seq, x.Conn = uint64(i+1), conns[conn]
			return x
		}
		all = append(all, number(x.Exchange))
		if isMeant {
			merged = append(merged, number(meant[x.registry][k]))
		}
	}
	return merged, all
}

// wait returns the requests that all filters mean, and all requests as [recorded.now]
// does, when a function says so of the former, or when the context ends.
func (rs recorded) wait(ctx context.Context, filters []record.Filter, done func(meant record.Log) bool) (meant, all record.Log) {
	if len(rs) == 1 {
		err := rs[0].recorder.Wait(ctx, func(log record.Log) bool {
			meant = log
			return done(log)
		}, filters...)
		if err != nil { // the context's: the time is over
			return rs.now(filters)
		}
		return meant, nil
	}
	for {
		cases := []reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ctx.Done())}}
		for _, r := range rs {
			cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(r.recorder.Changed())})
		}
		if meant, all = rs.now(filters); done(meant) {
			return meant, all
		}
		if chosen, _, _ := reflect.Select(cases); chosen == 0 {
			return rs.now(filters)
		}
	}
}

// dropped returns how many requests are on record no more.
func (rs recorded) dropped() (n int) {
	for _, r := range rs {
		n += r.recorder.Dropped()
	}
	return n
}

// named returns a log to be shown, in which hosts that are nothing but a port have a
// name, if there are several: the registry's own, and that of the second origin.
func (rs recorded) named(log record.Log) record.Log {
	names := map[string]string{} // by host
	for _, r := range rs {
		switch {
		case r.inMemory:
			continue
		case r.name != "":
			names[r.Host()] = r.name
		case len(rs) == 1:
			names[r.Host()] = "registry"
		}
		for i := range log {
			if log[i].Op == op.External {
				names[log[i].Host] = "cdn"
			}
		}
	}
	if len(names) < 2 {
		return log
	}
	shown := slices.Clone(log)
	for i := range shown {
		shown[i].Host = cmp.Or(names[shown[i].Host], shown[i].Host)
	}
	return shown
}
