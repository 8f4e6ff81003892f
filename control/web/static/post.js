// The answer to an application that wants it posted: the page has nothing else to do.
document.forms[0].submit();
