# Net::LDAP: a search in pages, a comparison, a bind as whoever was found.
use strict;
use warnings;
use Net::LDAP;
use Net::LDAP::Control::Paged;
use Net::LDAP::Constant qw(LDAP_CONTROL_PAGED LDAP_COMPARE_TRUE);
my ($uri, $base, $reader, $secret, $name, $password) = @ARGV;
my $ldap = Net::LDAP->new($uri) or exit 2;
exit 2 if $ldap->bind($reader, password => $secret)->code;
my $page = Net::LDAP::Control::Paged->new(size => 1);
my ($person, $cookie);
do {
    my $found = $ldap->search(base => $base, filter => "(&(objectClass=inetOrgPerson)(uid=$name))",
        attrs => ['uid', 'mail', 'memberOf'], control => [$page]);
    exit 3 if $found->code;
    $person = $found->entry(0) if $found->count;
    my ($answer) = $found->control(LDAP_CONTROL_PAGED) or exit 4;
    $cookie = $answer->cookie;
    $page->cookie($cookie);
} while ($cookie);
exit 3 unless $person;
my $other = Net::LDAP->new($uri);
exit 1 if $other->bind($person->dn, password => $password)->code;
my @names = sort map { /^cn=([^,]+)/ ? $1 : () } $person->get_value('memberOf');
my $group = "cn=engineering,ou=groups,$base";
exit 5 unless $ldap->compare($group, attr => 'member', value => $person->dn)->code == LDAP_COMPARE_TRUE;
print join(' ', $person->get_value('uid'), $person->get_value('mail'), join(',', @names), 'engineering'), "\n";
