package records

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// One request that fails makes its own lists incomplete; the others are
// delivered as they are.
func TestOneRequestFails(t *testing.T) {
	failures := map[string]http.HandlerFunc{
		"refused":          fail(403, "not authorized"),
		"error":            fail(500, "database is locked"),
		"a web page":       body(200, "<html>"),
		"half an answer":   body(200, `{"type":"sync","status_code":200,"metadata":[{"name":"c1","type":"conta`),
		"nothing":          body(200, ""),
		"null":             body(200, `{"type":"sync","status_code":200,"metadata":null}`),
		"no metadata":      body(200, `{"type":"sync","status_code":200}`),
		"another type":     body(200, `{"type":"async","status_code":100,"metadata":[]}`),
		"no envelope":      body(200, `[]`),
		"text":             body(200, `{"type":"sync","status_code":200,"metadata":"[]"}`),
		"rows are no rows": body(200, `{"type":"sync","status_code":200,"metadata":["/1.0/x"]}`),
		"cut off":          func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
	for path, want := range map[string][]string{
		atPools:               {listPools, listRecords, listInstances, listOperations},
		atProjects:            {listPools, listRecords, listInstances, listOperations},
		atOperations:          {listOperations},
		atInstances:           {listInstances},
		atVolumes("purepool"): {listRecords},
	} {
		for name, answer := range failures {
			t.Run(path+"/"+name, func(t *testing.T) {
				f := newLXD(t, capture(t, healthy))
				f.raw[path] = answer
				out := f.open(t).Observe(context.Background())
				wantIncomplete(t, out, want...)
				if path == atVolumes("purepool") && len(out.Records.Items) < 3 {
					t.Errorf("the records of the other pool are gone: %v", out.Records.Items)
				}
				if n := count(f.requests(), atVolumes("nvpool")); n > 1 {
					t.Errorf("a request that fails made us read the volumes %d times", n)
				}
				if path != atInstances && len(out.Instances.Items) != 1 {
					t.Errorf("the instances are gone: %v", out.Instances.Items)
				}
			})
		}
	}
}

// An LXD that stops answering between Open and Observe.
func TestLXDGoesAway(t *testing.T) {
	all := []string{listPools, listRecords, listInstances, listMembers, listOperations, listDaemon}
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		hint   error
	}{
		"down":      {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, errNotRunning},
		"forbidden": {fail(403, "not authorized"), errForbidden},
		"replaced":  {body(200, "<html>"), errNotLXD},
	} {
		t.Run(name, func(t *testing.T) {
			f := newLXD(t, capture(t, healthy))
			r := f.open(t)
			f.raw[atServer] = test.answer
			out := r.Observe(context.Background())
			wantIncomplete(t, out, all...)
			if out.SeesAll.Is() || out.Hint != Hint(test.hint) || out.Name != f.socket || out.Dir != "/var/lib/lxd" {
				t.Errorf("%+v", out.Source)
			}
		})
	}
}

// Where the pools are not answered nothing is known of our rights, and the advice is
// that of what went wrong.
func TestPoolsHang(t *testing.T) {
	for want, answer := range map[error]http.HandlerFunc{
		errTimeout:   func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() },
		errStarting:  fail(503, "not yet"),
		errForbidden: fail(403, "not authorized"),
		nil:          fail(500, "boom"),
	} {
		f := newLXD(t, capture(t, healthy))
		f.raw[atPools] = answer
		r := f.open(t)
		r.timeout = 2 * time.Second
		if out := r.Observe(context.Background()); out.SeesAll.Is() || out.Hint != Hint(want) {
			t.Errorf("%v: hint %q", want, out.Hint)
		}
	}
}

// A request that hangs is given up, and the others still deliver.
func TestARequestHangs(t *testing.T) {
	f := newLXD(t, capture(t, healthy))
	f.raw[atOperations] = func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() }
	r := f.open(t)
	r.timeout = 2 * time.Second // the other requests are answered in it on a busy machine, too
	out := r.Observe(context.Background())
	wantIncomplete(t, out, listOperations)
	mentions(t, out.Trouble, "did not answer in time", "operations")
	if out.Hint != Hint(errTimeout) {
		t.Errorf("hint %q", out.Hint)
	}
}

// When the caller's time is up, nothing further is sent.
func TestTheCallerStops(t *testing.T) {
	f := newLXD(t, capture(t, healthy))
	r := f.open(t)
	ctx, cancel := context.WithCancel(context.Background())
	f.raw[atOperations] = func(_ http.ResponseWriter, req *http.Request) {
		f.waitFor(atPools, atProjects)
		cancel()
		<-req.Context().Done()
	}
	out := r.Observe(ctx)
	if out.Records.IsComplete() || out.Operations.IsComplete() || out.Instances.IsComplete() {
		t.Errorf("complete lists: %v", lists(out))
	}
	if slices.Contains(f.requests(), atInstances) {
		t.Error("instances were asked for after the caller had gone")
	}
}

// Rows that can't be understood are delivered as far as they go, and the list
// names them.
func TestRowsThatCannotBeUnderstood(t *testing.T) {
	volumes := func(edit func(rows array) array) func(m map[string]any) {
		return func(m map[string]any) {
			m[atVolumes("purepool")] = edit(m[atVolumes("purepool")].(array))
		}
	}
	set := func(name, key string, value any) func(m map[string]any) {
		return volumes(func(rows array) array {
			row(t, rows, name)[key] = value
			return rows
		})
	}
	instance := func(edit func(c1 object)) func(m map[string]any) {
		return func(m map[string]any) { edit(row(t, m[atInstances], "c1")) }
	}
	device := func(name, key string, value any) func(m map[string]any) {
		return instance(func(c1 object) { c1["expanded_devices"].(object)[name].(object)[key] = value })
	}
	const purepool = "purepool"
	for name, test := range map[string]struct {
		edit  func(m map[string]any)
		list  string
		words []string
	}{
		"no uuid":        {set("fs1", "config", object{}), listRecords, []string{purepool, `"fs1"`, "volatile.uuid"}},
		"no config":      {set("fs1", "config", nil), listRecords, []string{`"fs1"`, "volatile.uuid"}},
		"bad uuid":       {set("fs1", "config", object{"volatile.uuid": "6784e178"}), listRecords, []string{`"fs1"`}},
		"uuid of zeros":  {set("fs1", "config", object{"volatile.uuid": "00000000-0000-0000-0000-000000000000"}), listRecords, []string{`"fs1"`}},
		"unknown type":   {set("fs1", "type", "bucket"), listRecords, []string{`"fs1"`, "bucket"}},
		"no type":        {set("fs1", "type", ""), listRecords, []string{`"fs1"`}},
		"bad content":    {set("fs1", "content_type", "tape"), listRecords, []string{`"fs1"`, "tape"}},
		"impossible":     {set("c1", "content_type", "block"), listRecords, []string{`"c1"`, "block"}},
		"other pool":     {set("fs1", "pool", "nvpool"), listRecords, []string{`"fs1"`, "nvpool"}},
		"no project":     {set("fs1", "project", ""), listRecords, []string{`"fs1"`, "no project"}},
		"hidden project": {set("kill1", "project", "ghosts"), listRecords, []string{"ghosts"}},
		"no name":        {set("fs1", "name", ""), listRecords, []string{"a name that LXD does not give"}},
		"odd snapshot":   {set("fs1/snap0", "name", "fs1/snap0/x"), listRecords, []string{"fs1/snap0/x"}},
		"bare snapshot":  {set("fs1/snap0", "name", "fs1/"), listRecords, []string{"fs1/"}},
		"a null row":     {volumes(func(rows array) array { return append(rows, nil) }), listRecords, []string{"a name that LXD does not give"}},
		"wrong shape":    {set("fs1", "name", 7), listRecords, []string{errMalformed.Error()}},

		"no instance type":   {instance(func(c1 object) { c1["type"] = "pod" }), listInstances, []string{`"c1"`, "pod"}},
		"no instance name":   {instance(func(c1 object) { c1["name"] = "" }), listInstances, []string{"no name"}},
		"no devices":         {instance(func(c1 object) { c1["expanded_devices"] = nil }), listInstances, []string{`"c1"`, "devices"}},
		"device, no type":    {device("data", "type", ""), listInstances, []string{`"data"`, "no type"}},
		"root without pool":  {device("root", "pool", ""), listInstances, []string{`"root"`, "without a pool"}},
		"disk without pool":  {device("data", "pool", ""), listInstances, []string{`"data"`, "without a pool"}},
		"pool, no source":    {device("data", "source", ""), listInstances, []string{`"data"`, "no source"}},
		"odd source type":    {device("data", "source.type", "bucket"), listInstances, []string{`"data"`, "bucket"}},
		"project not listed": {func(m map[string]any) { m[atInstances] = append(m[atInstances].(array), ghost("ghosts")) }, listInstances, []string{"g1", "ghosts"}},
		"project, no config": {func(m map[string]any) {
			m[atProjects] = append(m[atProjects].(array), object{"name": "ghosts", "config": nil})
			m[atInstances] = append(m[atInstances].(array), ghost("ghosts"))
		}, listInstances, []string{"g1", "ghosts"}},

		"operation without id": {func(m map[string]any) {
			m[atOperations] = object{"running": array{object{"class": "task", "status": "Running", "status_code": 103}}}
		}, listOperations, []string{"no id"}},

		"odd mode": {func(m map[string]any) {
			row(t, m[atPools], purepool)["config"].(object)["pure.mode"] = "carrier-pigeon"
		}, listPools, []string{purepool, "carrier-pigeon"}},
		"no gateway":       {func(m map[string]any) { delete(row(t, m[atPools], purepool)["config"].(object), "pure.gateway") }, listPools, []string{purepool, "pure.gateway"}},
		"pool, no driver":  {func(m map[string]any) { m[atPools] = append(m[atPools].(array), object{"name": "x"}) }, listPools, []string{`"x"`}},
		"limited to 0":     {func(m map[string]any) { hide(t, m, "hidden") }, listPools, []string{`"hidden"`, "project default"}},
		"in a project":     {func(m map[string]any) { m[atPools] = without(m[atPools], "nvpool") }, listPools, []string{`"nvpool"`}},
		"in an instance":   {func(m map[string]any) { m[atInstances] = append(m[atInstances].(array), lodger()) }, listPools, []string{"lodger", "elsewhere"}},
		"odd daemon value": {func(m map[string]any) { m[atServer].(object)["config"].(object)["storage.images_volume"] = "x" }, listDaemon, []string{"storage.images_volume", "lxdlab"}},
		"odd daemon shape": {func(m map[string]any) { m[atServer].(object)["config"].(object)["storage.backups_volume"] = true }, listDaemon, []string{"storage.backups_volume"}},
	} {
		t.Run(name, func(t *testing.T) {
			metadata := capture(t, stale)
			test.edit(metadata)
			out := newLXD(t, metadata).open(t).Observe(context.Background())
			why := lists(out)[test.list]
			if why == "" {
				t.Fatalf("%s is complete; %v", test.list, lists(out))
			}
			mentions(t, why, test.words...)
			if test.list == listPools && out.Records.IsComplete() {
				t.Error("the records of a pool that may be hidden are complete")
			}
			if len(out.Records.Items) < 8 {
				t.Errorf("only %d records are left", len(out.Records.Items))
			}
		})
	}
}

// ghost is an instance of a project that may be unknown, with a custom volume.
func ghost(project string) object {
	return object{
		"name": "g1", "project": project, "type": "container", "status": "Stopped", "status_code": 102, "location": "none",
		"expanded_devices": object{"data": object{"type": "disk", "pool": "purepool", "source": "after1", "path": "/x"}},
	}
}

// lodger is an instance on a pool that LXD does not list.
func lodger() object {
	return object{
		"name": "lodger", "project": "default", "type": "container", "status": "Stopped", "status_code": 102, "location": "none",
		"expanded_devices": object{"root": object{"type": "disk", "pool": "elsewhere", "path": "/"}},
	}
}

func hide(t *testing.T, m map[string]any, pool string) {
	row(t, m[atProjects], defaultProject)["config"].(object)["limits.disk.pool."+pool] = "0"
}

// However many rows are spoiled, the reason stays a sentence.
func TestManyBadRowsMakeOneSentence(t *testing.T) {
	metadata := capture(t, healthy)
	rows := metadata[atVolumes("purepool")].(array)
	for i := range 5000 {
		rows = append(rows, object{"name": fmt.Sprintf("v%d", i), "type": "custom", "content_type": "block", "project": "default", "config": object{}})
	}
	metadata[atVolumes("purepool")] = rows
	out := newLXD(t, metadata).open(t).Observe(context.Background())
	wantIncomplete(t, out, listRecords)
	mentions(t, out.Records.Why(), `"v0"`, "4995 more")
	if len(out.Trouble) > 1000 {
		t.Errorf("the trouble is %d bytes long", len(out.Trouble))
	}
}

// Names are handed on as they are, whatever is in them.
func TestHostileNamesAreKept(t *testing.T) {
	metadata := capture(t, healthy)
	const name = "\x1b[2J\u202eevil\n\"; rm -rf /"
	metadata[atVolumes("purepool")] = append(metadata[atVolumes("purepool")].(array), object{
		"name": name, "type": "custom", "content_type": "block", "project": "default", "pool": "purepool",
		"config": object{"volatile.uuid": "bad\x07"}, "used_by": array{"%zz", "::", "/1.0/instances/%2"},
	})
	out := newLXD(t, metadata).open(t).Observe(context.Background())
	wantIncomplete(t, out, listRecords)
	if strings.ContainsAny(out.Records.Why(), "\x1b\x07\n\u202e") {
		t.Errorf("%q would reach the terminal", out.Records.Why())
	}
	if !slices.ContainsFunc(out.Records.Items, func(r evidence.Record) bool { return r.Name == name }) {
		t.Error("the record is gone")
	}
}

// A pool's name goes into the path as one part, whatever is in it.
func TestPoolNamesAreEscaped(t *testing.T) {
	metadata := capture(t, healthy)
	for _, name := range []string{"--help", "a/b?c=d", "..", "pure%2fpool"} {
		metadata[atPools] = append(metadata[atPools].(array), object{
			"name": name, "driver": "pure", "status": "Created", "config": object{"pure.gateway": "https://fa", "pure.mode": "iscsi"}, "used_by": array{},
		})
		metadata[atVolumes(name)] = array{}
	}
	f := newLXD(t, metadata)
	wantIncomplete(t, f.open(t).Observe(context.Background()))
	for _, path := range []string{"/1.0/storage-pools/--help/volumes?", "/1.0/storage-pools/a%2Fb%3Fc=d/volumes?", "/1.0/storage-pools/pure%252fpool/volumes?"} {
		if !slices.ContainsFunc(f.requests(), func(asked string) bool { return strings.HasPrefix(asked, path) }) {
			t.Errorf("%s was not asked: %v", path, f.requests())
		}
	}
}

// The token is in nothing that is ever shown.
func TestTheTokenStaysSecret(t *testing.T) {
	const token = "11111111-2222-3333-4444-555555555555"
	var log bytes.Buffer
	metadata := capture(t, healthy)
	f := newLXD(t, metadata)
	r, err := Open(context.Background(), Options{Socket: f.socket, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	pools, err := r.Pools(context.Background())
	if err != nil || len(pools) != 2 || pools[0].Token.Reveal() != token {
		t.Fatalf("%v, %v", pools, err)
	}
	out := r.Observe(context.Background())
	said, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	access, err := json.Marshal(pools)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"log": log.String(), "evidence": string(said), "access": string(access),
		"%v": fmt.Sprintf("%v", pools), "%+v": fmt.Sprintf("%+v", pools), "%#v": fmt.Sprintf("%#v", pools),
	} {
		if text == "" {
			t.Errorf("the %s is empty", name)
		}
		if strings.Contains(text, token) {
			t.Errorf("the %s holds the token: %s", name, text)
		}
	}
	mentions(t, log.String(), "/1.0/storage-pools")

	// Nor when the answer that holds it can't be read.
	row(t, metadata[atPools], "purepool")["config"].(object)["pure.api.token"] = array{token}
	_, err = r.Pools(context.Background())
	wantReason(t, err, errMalformed)
	if err != nil && strings.Contains(err.Error(), token) {
		t.Errorf("the error holds the token: %v", err)
	}
}

// Nothing but a GET can be sent, whoever tries.
func TestTheWireOnlyReads(t *testing.T) {
	f := newLXD(t, capture(t, healthy))
	r := f.open(t)
	before := len(f.requests())
	conn, err := r.dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodConnect} {
		if _, _, err := conn.RawQuery(method, "/1.0", object{}, ""); err == nil {
			t.Errorf("%s was let through", method)
		} else {
			mentions(t, err.Error(), "refused", method)
		}
	}
	client, err := conn.GetHTTPClient()
	if err != nil {
		t.Fatal(err)
	}
	req := &http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "http", Host: "unix.socket", Path: "/1.0/events"}, Header: http.Header{"Upgrade": {"websocket"}}}
	if resp, err := client.Do(req); err == nil {
		_ = resp.Body.Close()
		t.Error("a websocket was let through")
	}
	if after := len(f.requests()); after != before {
		t.Errorf("%d requests reached LXD", after-before)
	}
}

func TestPoolsFails(t *testing.T) {
	f := newLXD(t, capture(t, healthy))
	f.raw[atPools] = fail(403, "not authorized")
	pools, err := f.open(t).Pools(context.Background())
	wantReason(t, err, errForbidden)
	if pools != nil {
		t.Errorf("%v", pools)
	}
	f.raw[atPools] = fail(500, "boom")
	if _, err := f.open(t).Pools(context.Background()); err == nil || errors.Is(err, errForbidden) {
		t.Errorf("error %v", err)
	}
}

// Whatever else is wrong with a row, its key still finds the array's volume.
func TestABadRowKeepsItsKey(t *testing.T) {
	const id = "6784e178-3ed3-46da-a88c-a8378a44b162"
	for _, key := range []string{"name", "type", "project", "content_type"} {
		metadata := capture(t, stale)
		row(t, metadata[atVolumes("purepool")], "fs1")[key] = ""
		out, _ := observe(t, metadata)
		if out.Records.IsComplete() {
			t.Errorf("without %s the records are complete", key)
		}
		if !slices.ContainsFunc(out.Records.Items, func(r evidence.Record) bool { return r.UUID.String() == id }) {
			t.Errorf("without %s the record lost its key", key)
		}
	}
}
