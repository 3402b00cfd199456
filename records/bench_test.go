package records

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/pureclean/pureclean/evidence"
)

// BenchmarkObserve reads 20 000 records: 9 000 containers, as many volumes and
// 2 000 snapshots. The floor is fetching the same bytes and dropping them.
func BenchmarkObserve(b *testing.B) {
	socket, size := serveMany(b)
	b.Run("floor", func(b *testing.B) {
		client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}}}
		b.SetBytes(size)
		for b.Loop() {
			for _, path := range []string{atServer, atPools, atProjects, atOperations, atInstances, atVolumes("fast")} {
				resp, err := client.Get("http://lxd" + path)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		}
	})
	b.Run("observe", func(b *testing.B) {
		r, err := Open(context.Background(), Options{Socket: socket})
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(size)
		b.ReportAllocs()
		var out evidence.LXD
		for b.Loop() {
			out = r.Observe(context.Background())
		}
		if out.Trouble != "" || len(out.Records.Items) != 20000 {
			b.Fatalf("%d records, %s", len(out.Records.Items), out.Trouble)
		}
	})
}

func serveMany(b *testing.B) (socket string, size int64) {
	b.Helper()
	var volumes, instances, users array
	add := func(i int, kind, name string, use ...string) {
		volumes = append(volumes, object{
			"name": name, "description": "", "type": kind, "pool": "fast", "content_type": "filesystem", "project": "default", "location": "",
			"created_at": "2026-11-22T08:21:34Z", "used_by": append([]string{}, use...),
			"config": object{"block.filesystem": "ext4", "block.mount_options": "discard", "size": "64MiB", "volatile.uuid": fmt.Sprintf("00000000-0000-4000-8000-%012x", i+1)},
		})
	}
	for i := range 9000 {
		name := fmt.Sprintf("c%d", i)
		self := "/1.0/instances/" + name
		add(3*i, "container", name, self)
		add(3*i+1, "custom", name, self)
		users = append(users, self, "/1.0/storage-pools/fast/volumes/custom/"+name)
		if i%9 < 2 {
			add(3*i+2, "custom", name+"/snap0")
		}
		instances = append(instances, object{
			"name": name, "project": "default", "type": "container", "location": "none", "status": "Running", "status_code": 103,
			"expanded_devices": object{
				"root": object{"type": "disk", "pool": "fast", "path": "/"},
				"data": object{"type": "disk", "pool": "fast", "source": name, "path": "/data"},
			},
		})
	}
	server, err := os.ReadFile(filepath.Join("testdata", "captures", healthy, "server.json"))
	if err != nil {
		b.Fatal(err)
	}
	bodies := map[string][]byte{atServer: server}
	for path, metadata := range map[string]any{
		atPools:           array{object{"name": "fast", "driver": "pure", "config": object{"pure.gateway": "https://fa", "pure.mode": "iscsi"}, "used_by": users}},
		atProjects:        array{object{"name": "default", "config": object{}}},
		atOperations:      object{},
		atInstances:       instances,
		atVolumes("fast"): volumes,
	} {
		body, err := json.Marshal(object{"type": "sync", "status_code": 200, "metadata": metadata})
		if err != nil {
			b.Fatal(err)
		}
		bodies[path] = body
	}
	for _, body := range bodies {
		size += int64(len(body))
	}
	dir, err := os.MkdirTemp("", "lxd")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket = filepath.Join(dir, socketName)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		b.Fatal(err)
	}
	go func() {
		_ = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			path := req.URL.Path
			if query := req.URL.Query().Encode(); query != "" {
				path += "?" + query
			}
			_, _ = io.Copy(w, bytes.NewReader(bodies[path]))
		}))
	}()
	b.Cleanup(func() { _ = listener.Close() })
	return socket, size
}
