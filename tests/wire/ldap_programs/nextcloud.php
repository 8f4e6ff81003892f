<?php
// In Nextcloud's manner: a search in pages with attributes that may be empty, then a bind as whoever was found.
[, $uri, $base, $reader, $secret, $name, $password] = $argv;
$service = ldap_connect($uri);
ldap_set_option($service, LDAP_OPT_PROTOCOL_VERSION, 3);
ldap_set_option($service, LDAP_OPT_REFERRALS, 0);
ldap_bind($service, $reader, $secret) or exit(2);
$attributes = ['dn', 'uid', 'samaccountname', 'memberof', 'mail', 'jpegphoto', 'entryuuid', 'nsuniqueid', 'objectguid', ''];
$filter = "(&(|(objectclass=inetOrgPerson))(|(uid=$name)(mail=$name)))";
$paged = [['oid' => LDAP_CONTROL_PAGEDRESULTS, 'iscritical' => false, 'value' => ['size' => 500, 'cookie' => '']]];
$found = ldap_get_entries($service, ldap_search($service, $base, $filter, $attributes, 0, 0, 0, LDAP_DEREF_NEVER, $paged));
if ($found['count'] !== 1) exit(3);
$person = $found[0];
$own = ldap_connect($uri);
ldap_set_option($own, LDAP_OPT_PROTOCOL_VERSION, 3);
if (!@ldap_bind($own, $person['dn'], $password)) exit(ldap_errno($own) === 49 ? 1 : 2);
$groups = ldap_get_entries($service, ldap_search($service, $base, "(&(objectclass=groupOfNames)(member={$person['dn']}))", ['cn', 'dn']));
unset($person['memberof']['count']);
$names = array_map(fn($dn) => ldap_explode_dn($dn, 1)[0], $person['memberof']);
sort($names);
echo $person['uid'][0], ' ', $person['mail'][0], ' ', implode(',', $names), ' ', $groups[0]['cn'][0], "\n";
