package pure

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/secret"
)

// pageOf is a page of n volumes as an array sends it, with all that is not
// read.
func pageOf(n int) []byte {
	rows := make([]string, n)
	for i := range rows {
		row := volumeRow("lxd", fmt.Sprintf("u-%032x", i), i)
		row["space"] = object{
			"data_reduction": 2.936537225596408, "shared": nil, "snapshots": 1008486590232, "system": nil,
			"thin_provisioning": 0.8698670877376571, "total_physical": 1916969338423, "total_provisioned": 21990232555520,
			"total_reduction": 22.56567669581131, "unique": 908482748191, "virtual": 2861653003776,
			"unique_effective": 2790059897856, "snapshots_effective": 5989870970368, "total_effective": 8779930868224,
		}
		row["id"] = fmt.Sprintf("2d9e916e-2ab5-081f-7ea3-%012x", i)
		row["pod"] = object{"name": "lxd", "id": "b990f03f-171e-34b1-3faa-673cb5ce96a5"}
		row["host_encryption_key_status"], row["requested_promotion_state"] = "none", "promoted"
		rows[i] = encode(row)
	}
	return fmt.Appendf(nil, `{"continuation_token":null,"items":[%s],"more_items_remaining":false,"total_item_count":%d}`, strings.Join(rows, ","), n)
}

// BenchmarkPage decodes a page of 1000 volumes; the others are what there is
// to compare it with.
func BenchmarkPage(b *testing.B) {
	text := pageOf(1000)
	b.Run("ours", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		var buffer []byte
		for b.Loop() {
			w := &walk[evidence.Volume]{question: question[evidence.Volume]{resource: &volumes}, session: &session{memory: memory{limit: 1 << 62}}}
			p := &pageReader[evidence.Volume]{walk: w, decoder: decoder{api: base, names: map[string]string{}}, buffer: buffer}
			p.hash.SetSeed(maphash.MakeSeed())
			var err error
			if _, buffer, err = readPage(bytes.NewReader(text), p.buffer, p.decodeRow, p.endRow); err != nil || p.rows != 1000 || p.doubted > 0 {
				b.Fatal(err, p.rows, p.doubts)
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			var page struct {
				Items []struct {
					ID, Name, Serial, Subtype string
					Created, Provisioned      int64
					ConnectionCount           int64 `json:"connection_count"`
					Destroyed                 bool
					Pod, Source               struct{ Name, ID string }
					Space                     struct{ Unique int64 }
				}
			}
			if err := json.Unmarshal(text, &page); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("json-valid", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			if !json.Valid(text) {
				b.Fatal("not valid")
			}
		}
	})
}

// BenchmarkWalk reads 20 pages of 1000 volumes over TLS; the floor fetches
// the same bytes and throws them away.
func BenchmarkWalk(b *testing.B) {
	const pages = 20
	whole := make([][]byte, pages)
	for i := range whole {
		text := pageOf(1000)
		more, token := "true", fmt.Sprintf(`"t%d"`, i+1)
		if i == pages-1 {
			more, token = "false", "null"
		}
		text = bytes.ReplaceAll(text, []byte("2d9e916e"), fmt.Appendf(nil, "%08x", i))
		text = bytes.Replace(text, []byte(`"continuation_token":null`), []byte(`"continuation_token":`+token), 1)
		text = bytes.Replace(text, []byte(`"more_items_remaining":false,"total_item_count":1000`),
			fmt.Appendf(nil, `"more_items_remaining":%s,"total_item_count":%d`, more, pages*1000), 1)
		whole[i] = text
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "api_version"):
			fmt.Fprint(w, `{"version":["2.21"]}`)
		case strings.HasSuffix(r.URL.Path, "login"):
			w.Header().Set("x-auth-token", "token-token")
		default:
			n := 0
			_, _ = fmt.Sscanf(r.URL.Query().Get("continuation_token"), "t%d", &n) // the first page has none
			_, _ = w.Write(whole[n])
		}
	}))
	defer server.Close()
	size := 0
	for _, text := range whole {
		size += len(text)
	}
	b.Run("ours", func(b *testing.B) {
		r, err := Open(b.Context(), Access{URL: server.URL, Token: secret.New(goodToken), Insecure: true}, Options{Timeout: time.Minute})
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(size))
		b.ReportAllocs()
		for b.Loop() {
			l, err := list(b.Context(), r.session, question[evidence.Volume]{resource: &volumes})
			if err != nil || !l.IsComplete() || len(l.Items) != pages*1000 {
				b.Fatal(err, l.Why())
			}
		}
	})
	b.Run("floor", func(b *testing.B) {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		b.SetBytes(int64(size))
		for b.Loop() {
			for n := range pages {
				response, err := client.Get(fmt.Sprintf("%s/volumes?continuation_token=t%d", server.URL, n))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, response.Body); err != nil {
					b.Fatal(err)
				}
				response.Body.Close()
			}
		}
	})
}
