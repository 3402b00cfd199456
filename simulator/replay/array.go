package replay

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// session is the token that a login gives.
const session = "replayed-session"

func (s *Server) listenArray() error {
	certificate, err := selfSigned()
	if err != nil {
		return err
	}
	s.CertPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.URL = "https://" + listener.Addr().String()
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	s.start(tls.NewListener(listener, config), s.serveArray)
	return nil
}

func (s *Server) start(listener net.Listener, handler http.HandlerFunc) {
	server := &http.Server{Handler: handler}
	s.servers = append(s.servers, server)
	go func() { _ = server.Serve(listener) }()
}

// selfSigned makes a certificate as an array ships with one.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "replayed array"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(10, 0, 0),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

var endpoint = regexp.MustCompile(`^/api/2\.[0-9]+/(.+)$`)

func (s *Server) serveArray(w http.ResponseWriter, r *http.Request) {
	s.note("array", r)
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/json")
	if id := r.Header.Get("X-Request-Id"); id != "" {
		w.Header().Set("X-Request-Id", id)
	}
	if r.URL.Path == "/api/api_version" {
		_, _ = w.Write(s.versions)
		return
	}
	match := endpoint.FindStringSubmatch(r.URL.Path)
	switch {
	case match == nil:
		refuse(w, http.StatusNotFound, "Endpoint does not exist.")
	case match[1] == "login" && r.Method == http.MethodPost:
		if r.Header.Get("Api-Token") != s.token {
			refuse(w, http.StatusBadRequest, "Unable to list user for API token.")
			return
		}
		w.Header().Set("X-Auth-Token", session)
		_, _ = w.Write([]byte(`{"items":[{"username":"pureuser"}]}`))
	case match[1] == "logout" && r.Method == http.MethodPost:
	case r.Method != http.MethodGet:
		refuse(w, http.StatusForbidden, "A recording can't be changed.")
	case r.Header.Get("X-Auth-Token") != session:
		refuse(w, http.StatusUnauthorized, "Invalid session.")
	default:
		s.list(w, r, match[1])
	}
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.WriteHeader(status)
	// The status is what counts; a body that can't be sent is lost anyway.
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]any{"context": nil, "message": message}}})
}

// list answers a list endpoint: with what was recorded, or with nothing for
// one that was not. It knows the selections that a reader may make: names,
// destroyed, and simple filters.
func (s *Server) list(w http.ResponseWriter, r *http.Request, name string) {
	q := r.URL.Query()
	selected := []json.RawMessage{}
	for _, item := range s.array[name] {
		wanted, err := wants(q["names"], q.Get("destroyed"), q["filter"], item)
		if err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		if wanted {
			selected = append(selected, item)
		}
	}
	var count any
	if q.Get("total_item_count") == "true" {
		count = len(selected)
	}
	page, token, more := page(selected, q.Get("limit"), q.Get("offset"), q.Get("continuation_token"))
	_ = json.NewEncoder(w).Encode(map[string]any{
		"continuation_token": token, "items": page, "more_items_remaining": more, "total_item_count": count,
	})
}

// term is one comparison of a filter; a recording knows no more of them.
var term = regexp.MustCompile(`^\(?(pod\.name|serial|name|id)='([^'*]*)(\*?)'\)?$`)

func wants(names []string, destroyed string, filters []string, item json.RawMessage) (bool, error) {
	var row struct {
		ID        string `json:"id"`
		Name      string `json:"name"`
		Serial    string `json:"serial"`
		Destroyed bool   `json:"destroyed"`
		Pod       struct {
			Name string `json:"name"`
		} `json:"pod"`
	}
	if err := json.Unmarshal(item, &row); err != nil {
		return false, err
	}
	for _, list := range names {
		if list != "" && !slices.ContainsFunc(strings.Split(list, ","), func(n string) bool { return strings.EqualFold(n, row.Name) }) {
			return false, nil
		}
	}
	if destroyed != "" && destroyed != strconv.FormatBool(row.Destroyed) {
		return false, nil
	}
	fields := map[string]string{"pod.name": row.Pod.Name, "serial": row.Serial, "name": row.Name, "id": row.ID}
	for _, filter := range filters {
		holds := false
		for _, part := range strings.Split(filter, " or ") {
			match := term.FindStringSubmatch(strings.TrimSpace(part))
			if match == nil {
				return false, errors.New("a recording does not understand the filter " + part)
			}
			value := strings.ToLower(fields[match[1]])
			wanted := strings.ToLower(match[2])
			holds = holds || value == wanted || (match[3] != "" && strings.HasPrefix(value, wanted))
		}
		if !holds {
			return false, nil
		}
	}
	return true, nil
}

func page(items []json.RawMessage, limit, offset, token string) (part []json.RawMessage, next any, more bool) {
	start, err := strconv.Atoi(offset)
	if err != nil {
		start = 0
	}
	if text, err := base64.StdEncoding.DecodeString(token); token != "" && err == nil {
		if n, err := strconv.Atoi(string(text)); err == nil {
			start = n
		}
	}
	start = min(max(start, 0), len(items))
	end := len(items)
	if n, err := strconv.Atoi(limit); err == nil && n >= 0 && start+n < end {
		end = start + n
		next, more = base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(end))), true
	}
	return items[start:end], next, more
}
