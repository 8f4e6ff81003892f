-- Asks the outpost about a request: 200 lets it through with identity headers, everything else goes to the browser as it is.

local OUTPOST = "http://127.0.0.1:9000"
local ASKED = OUTPOST .. "/outpost.goauthentik.io/auth/haproxy"

local TAKEN_ALONG = {
    "authorization", "cookie", "accept", "x-requested-with", "sec-fetch-mode", "referer", "user-agent",
    "origin", "access-control-request-method",
}
local IDENTITY = {
    "x-authentik-username", "x-authentik-groups", "x-authentik-entitlements", "x-authentik-email", "x-authentik-name",
    "x-authentik-uid", "x-authentik-jwt", "x-authentik-meta-jwks", "x-authentik-meta-outpost",
    "x-authentik-meta-provider", "x-authentik-meta-app", "x-authentik-meta-version",
}
local TO_THE_BROWSER = {
    "location", "set-cookie", "content-type", "cache-control", "www-authenticate", "content-security-policy",
    "referrer-policy", "x-content-type-options",
}

local function values(headers, name)
    local found = {}
    local index = 0
    while headers[name] ~= nil and headers[name][index] ~= nil do
        found[#found + 1] = headers[name][index]
        index = index + 1
    end
    return found
end

local function refuse(txn, status, headers, body)
    txn:done(txn:reply({ status = status, headers = headers, body = body }))
end

local function outpost(txn)
    local came = txn.http:req_get_headers()
    local headers = {
        ["x-forwarded-proto"] = { txn.f:ssl_fc() == 1 and "https" or "http" },
        ["x-forwarded-host"] = values(came, "host"),
        ["x-forwarded-uri"] = { txn.f:pathq() },
        ["x-forwarded-method"] = { txn.f:method() },
        ["x-forwarded-for"] = { txn.f:src() },
    }
    for _, name in ipairs(TAKEN_ALONG) do
        local said = values(came, name)
        if #said > 0 then
            headers[name] = said
        end
    end
    local answer = core.httpclient():get({ url = ASKED, headers = headers, timeout = 10000 })
    if answer == nil or answer.status == nil or answer.status == 0 then
        return refuse(txn, 503, {}, "")
    end
    if answer.status ~= 200 then
        local told = {}
        for _, name in ipairs(TO_THE_BROWSER) do
            local said = values(answer.headers, name)
            if #said > 0 then
                told[name] = said
            end
        end
        return refuse(txn, answer.status, told, answer.body)
    end
    for _, name in ipairs(IDENTITY) do
        local said = values(answer.headers, name)
        if #said ~= 1 then
            return refuse(txn, 503, {}, "")
        end
        txn.http:req_set_header(name, said[1])
    end
end

core.register_action("outpost", { "http-req" }, outpost, 0)
