filedesc://a.arc 0.0.0.0 20080430204825 text/plain 14
1 0 Somebody


http://a.example/1 10.0.0.1 20080430204826 text/html 115
HTTP/1.1 200 OK
Content-Type: text/html; charset=utf-8

<html><body><p>words of an old archive</p></body></html>
