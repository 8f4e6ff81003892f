// go-ldap in Gitea's and Grafana's manner: a search with an empty attribute name, one at the leaf, one in pages.
package main

import (
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

func must(err error, code int) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(code)
	}
}

func main() {
	uri, base, reader, secret, name, password := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[6]
	service, err := ldap.DialURL(uri)
	must(err, 2)
	must(service.Bind(reader, secret), 2)
	filter := fmt.Sprintf("(&(objectClass=person)(|(uid=%[1]s)(mail=%[1]s)))", name)
	ask := func(base, filter string, attributes ...string) *ldap.SearchRequest {
		return ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, nil)
	}
	found, err := service.Search(ask(base, filter, "uid", "givenName", "sn", "mail", "sshPublicKey", ""))
	must(err, 3)
	if len(found.Entries) != 1 {
		os.Exit(3)
	}
	person := found.Entries[0]
	other, err := ldap.DialURL(uri)
	must(err, 2)
	must(other.Bind(person.DN, password), 1)
	leaf, err := other.Search(ask(person.DN, "(|(objectClass=person))", "memberOf"))
	must(err, 4)
	names := []string{}
	for _, dn := range leaf.Entries[0].GetAttributeValues("memberOf") {
		names = append(names, strings.TrimPrefix(strings.Split(dn, ",")[0], "cn="))
	}
	sort.Strings(names)
	groups, err := service.SearchWithPaging(ask(base, "(&(objectClass=groupOfNames)(member="+person.DN+"))", "cn", "dn"), 1)
	must(err, 5)
	fmt.Println(person.GetAttributeValue("uid"), person.GetAttributeValue("mail"), strings.Join(names, ","), groups.Entries[0].GetAttributeValue("cn"))
}
